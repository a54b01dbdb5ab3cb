using System.Net;
using System.Net.Http.Json;
using System.Text;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class RegistrationTests(SharedDevServer shared) : IClassFixture<SharedDevServer>
{
    private static readonly string[] OneUri = ["https://client.example.test/"];
    private static readonly string[] CodeGrant = ["authorization_code"];

    private DevServer Server => shared.Server;

    [Theory]
    [InlineData("https://client.example.test/callback")]
    [InlineData("http://localhost:3334/oauth/callback")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://[::1]:5000/x")]
    [InlineData("https://[2606:4700::1111]/callback?app=1")]
    public async Task A_safe_redirect_uri_is_registered(string uri) => Assert.Equal(32, (await Server.RegisterAsync(uri)).Length);

    [Theory]
    [InlineData("http://client.example.test/callback")]
    [InlineData("http://localhost.evil.test/callback")]
    [InlineData("https://client.example.test/callback#fragment")]
    [InlineData("https://client.example.test/callback#")]
    [InlineData("https://user:secret@client.example.test/callback")]
    [InlineData("https://client.example.test/callback?iss=evil")]
    [InlineData("https://client.example.test/callback?CODE=x")]
    [InlineData("https://client.example.test/callback?a=1&state=x")]
    [InlineData("https://client.example.test\\@evil.test/")]
    [InlineData("https://@client.example.test/")]
    [InlineData("https://client.example.test/a b")]
    [InlineData("https://client.example.test/\u202Egnp")]
    [InlineData("https:client.example.test/callback")]
    [InlineData(" https://client.example.test/callback")]
    [InlineData("http://127.1/callback")]
    [InlineData("http://2130706433/callback")]
    [InlineData("http://0x7f.0.0.1/callback")]
    [InlineData("http://127.0.0.2/callback")]
    [InlineData("http://[::ffff:127.0.0.1]/callback")]
    [InlineData("http://localhost@evil.test/callback")]
    [InlineData("com.example.app:/callback")]
    [InlineData("cursor://anysphere.cursor-retrieval/oauth/callback")]
    [InlineData("ws://localhost/callback")]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:text/html,x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://localhost/x")]
    [InlineData("/callback")]
    [InlineData("")]
    public async Task An_unsafe_redirect_uri_is_refused(string uri)
    {
        using var answer = await Server.Http.PostAsJsonAsync("/register", new { redirect_uris = new[] { uri } }, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("invalid_redirect_uri", (await DevServer.JsonAsync(answer)).GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("client_secret_basic")]
    [InlineData("client_secret_post")]
    [InlineData("none")]
    public async Task Every_client_becomes_a_public_one_whatever_it_asked_for(string method)
    {
        using var answer = await Server.Http.PostAsJsonAsync(
            "/register",
            new { redirect_uris = OneUri, token_endpoint_auth_method = method, grant_types = CodeGrant, scope = "files:read nonsense" }, TestContext.Current.CancellationToken);
        var body = await DevServer.JsonAsync(answer);

        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal("none", body.GetProperty("token_endpoint_auth_method").GetString());
        Assert.Equal("files:read", body.GetProperty("scope").GetString());
        Assert.False(body.TryGetProperty("client_secret", out _));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"redirect_uris":"https://client.example.test/"}""")]
    [InlineData("""{"redirect_uris":["https://client.example.test/"],"grant_types":["password"]}""")]
    [InlineData("""{"redirect_uris":["https://client.example.test/"],"response_types":["token"]}""")]
    public async Task Metadata_that_makes_no_sense_is_refused(string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await Server.Http.PostAsync("/register", content, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("invalid_client_metadata", (await DevServer.JsonAsync(answer)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_large_body_is_refused()
    {
        using var answer = await Server.Http.PostAsJsonAsync("/register", new { client_name = new string('x', 20_000) }, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Registering_without_end_is_stopped_for_a_while()
    {
        await using var server = await DevServer.StartAsync();
        var statuses = new List<HttpResponseMessage>();

        for (var i = 0; i < 301; i++)
        {
            statuses.Add(await server.Http.PostAsJsonAsync("/register", new { }, TestContext.Current.CancellationToken));
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1].StatusCode);
        Assert.NotNull(statuses[^1].Headers.RetryAfter);
        statuses.ForEach(answer => answer.Dispose());
    }

    [Fact]
    public async Task Clients_in_a_browser_may_read_metadata_and_redeem_codes_but_not_open_the_pages()
    {
        Assert.Equal("*", await AllowedOriginAsync("/.well-known/oauth-authorization-server"));
        Assert.Equal("*", await AllowedOriginAsync("/jwks"));
        Assert.Equal("*", await AllowedOriginAsync("/token"));
        Assert.Null(await AllowedOriginAsync("/authorize"));
        Assert.Null(await AllowedOriginAsync("/authorize/sign-in"));
        Assert.Null(await AllowedOriginAsync("/introspect"));
    }

    [Fact]
    public async Task Only_its_own_name_is_answered_to()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/openid-configuration") { Headers = { Host = "rebound.test:5081" } };
        using var answer = await Server.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private async Task<string?> AllowedOriginAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", "https://inspector.test" } } };
        using var answer = await Server.Http.SendAsync(request);

        return answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? values.Single() : null;
    }
}
