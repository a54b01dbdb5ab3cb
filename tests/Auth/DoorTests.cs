using System.Net;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

public sealed class DoorTests(Server server)
{
    [Fact]
    public async Task Without_configured_origins_there_is_no_CORS()
    {
        using var request = Preflight(server, "https://chat.example.com");
        using var response = await server.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_configured_origin_may_call_and_read_the_challenge_and_no_other_may()
    {
        await using var own = await Server.StartAsync(settings: ("Mcp:AllowedOrigins:0", "https://chat.example.com"));

        using var preflight = await own.Http.SendAsync(Preflight(own, "https://chat.example.com"));
        var call = await own.SendAsync(null, Message.List().WithHeader("Origin", "https://chat.example.com"));
        using var evil = await own.Http.SendAsync(Preflight(own, "https://chat.example.com.evil.example"));

        Assert.Equal(["https://chat.example.com"], preflight.Headers.GetValues("Access-Control-Allow-Origin"));
        Assert.False(preflight.Headers.Contains("Access-Control-Allow-Credentials"));
        Assert.Equal(HttpStatusCode.Unauthorized, call.Status);
        Assert.Contains("WWW-Authenticate", call.Headers["Access-Control-Expose-Headers"], StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, evil.StatusCode);
        Assert.False(evil.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [Trait("Attack", "E18")]
    [InlineData("https://files.example.com", HttpStatusCode.Forbidden)]
    [InlineData("X-Forwarded-Proto", HttpStatusCode.Unauthorized)]
    [InlineData("nothing", HttpStatusCode.Forbidden)]
    public async Task An_https_resource_is_not_served_in_the_clear_unless_a_known_proxy_says_it_was_https(string header, HttpStatusCode expected)
    {
        await using var own = await Server.StartAsync(settings:
        [
            ("Mcp:Resource", "https://files.example.com/mcp"), .. expected == HttpStatusCode.Unauthorized ? [("Mcp:KnownProxies:0", "127.0.0.0/8"), ("Mcp:KnownProxies:1", "::1")] : Array.Empty<(string, string)>(),
        ]);
        using var request = Message.List().WithHeader("Host", "files.example.com").WithHeader("X-Forwarded-Proto", header == "nothing" ? null : "https")
            .ToRequest(new Uri(own.Url, "/mcp"), null);

        var answer = await Answer.ReadAsync(await own.Http.SendAsync(request));

        Assert.Equal(expected, answer.Status);
        Assert.Equal(expected == HttpStatusCode.Forbidden ? "" : "resource_metadata=\"https://files.example.com/.well-known/oauth-protected-resource/mcp\"",
            expected == HttpStatusCode.Forbidden ? answer.Challenge : answer.Challenge[answer.Challenge.IndexOf("resource_metadata", StringComparison.Ordinal)..]);
    }

    [Fact]
    public async Task What_a_client_says_it_was_forwarded_for_is_not_believed()
    {
        await using var own = await Server.StartAsync(settings: ("Limits:FailedAuthenticationsPerMinute", "3"));

        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 5; i++)
        {
            statuses.Add((await own.SendAsync("bad", Message.List().WithHeader("X-Forwarded-For", $"203.0.113.{i}"))).Status);
        }

        Assert.Equal([HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests, HttpStatusCode.TooManyRequests], statuses);
    }

    [Fact]
    public async Task An_address_that_presents_bad_tokens_is_slowed_down_and_a_good_token_from_there_is_not()
    {
        await using var own = await Server.StartAsync(settings: ("Limits:FailedAuthenticationsPerMinute", "3"));
        var good = own.Tokens.Forge();
        Answer last = null!;
        for (var i = 0; i < 5; i++)
        {
            last = await own.SendAsync(own.Tokens.Forge(claims => claims["aud"] = "other"), Message.List());
        }

        Assert.Equal((HttpStatusCode.TooManyRequests, 429, ""), (last.Status, last.ErrorCode, last.Challenge));
        Assert.InRange(int.Parse(last.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 60);
        Assert.Equal(HttpStatusCode.OK, (await own.SendAsync(good, Message.List())).Status);
        // Who has no token yet is only beginning, and is told where to get one.
        Assert.Equal(HttpStatusCode.Unauthorized, (await own.SendAsync(null, Message.List())).Status);
    }

    [Theory]
    [InlineData("/swagger")]
    [InlineData("/metrics")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/_framework")]
    [InlineData("/.env")]
    [InlineData("/appsettings.json")]
    public async Task There_is_nothing_else_here(string path)
    {
        using var response = await server.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.False(response.Headers.Contains("Server"));
        Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
    }

    [Theory]
    [InlineData("/MCP")]
    [InlineData("/mcp/")]
    public async Task Other_spellings_of_the_path_have_the_same_guard(string path)
    {
        using var request = Message.List().ToRequest(new Uri(server.Url, path), null);

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.SendAsync(request)).StatusCode);
    }

    private static HttpRequestMessage Preflight(Server to, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, to.Resource);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        return request;
    }
}
