using System.Net;
using McpFilesServer.Tests.Dev;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block I: trying until something fits.</summary>
public sealed class ProviderGuessingAttacks
{
    /// <summary>The limit is 300 in a minute; a slow machine needs more than one.</summary>
    private const int Tries = 3000;

    [Theory]
    [Trait("Attack", "I13")]
    [InlineData("/token", "mcp-files-server")]
    [InlineData("/token", "dev-cli")]
    [InlineData("/introspect", "mcp-files-server")]
    [InlineData("/revoke", "dev-cli")]
    [InlineData("/register", "")]
    [InlineData("/authorize/sign-in", "")]
    public async Task Guessing_is_stopped_with_a_429_and_others_go_on(string path, string client)
    {
        await using var server = await DevServer.StartAsync();
        var answers = new List<HttpResponseMessage>();

        foreach (var chunk in Enumerable.Range(0, Tries).Chunk(16).TakeWhile(_ => answers.All(answer => answer.StatusCode is not HttpStatusCode.TooManyRequests)))
        {
            answers.AddRange(await Task.WhenAll(chunk.Select(i => GuessAsync(server, path, client, $"guess-{i}"))));
        }

        Assert.All(answers, answer => Assert.Contains((int)answer.StatusCode, (int[])[400, 401, 429]));
        var stopped = answers.Where(answer => answer.StatusCode is HttpStatusCode.TooManyRequests).ToList();
        Assert.NotEmpty(stopped);
        Assert.All(stopped, answer => Assert.InRange((int)answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60));

        // Whoever is not the one whose secret was guessed at. (Registration and sign-in have no secret, and one limit.)
        if (client is not ("" or "dev-cli"))
        {
            Assert.NotEmpty(await server.CommandTokenAsync());
        }
    }

    [Fact]
    [Trait("Attack", "I13")]
    public async Task Pages_are_not_given_out_without_end()
    {
        await using var server = await DevServer.StartAsync();
        var status = HttpStatusCode.BadRequest;

        for (var i = 0; i < Tries && status is HttpStatusCode.BadRequest; i++)
        {
            using var answer = await server.Http.GetAsync(Browser.Request("nobody"), TestContext.Current.CancellationToken);
            status = answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, status);
    }

    [Theory]
    [Trait("Attack", "I13")]
    [InlineData("/token")]
    [InlineData("/introspect")]
    [InlineData("/revoke")]
    public async Task A_client_that_is_not_there_and_a_wrong_secret_are_answered_alike(string path)
    {
        await using var server = await DevServer.StartAsync();
        var registered = await server.RegisterAsync();
        var bodies = new HashSet<string>();

        foreach (var (client, secret) in ((string, string?)[])[("nobody", "x"), ("nobody", null), ("mcp-files-server", "x"), ("mcp-files-server", null), ("dev-cli", "x"), (registered, "x"), ("https://client.example.test/x", null)])
        {
            using var content = new FormUrlEncodedContent(
            [
                KeyValuePair.Create("client_id", client), .. secret is null ? [] : new[] { KeyValuePair.Create("client_secret", secret) }, KeyValuePair.Create("token", "x"),
                KeyValuePair.Create("grant_type", "refresh_token"), KeyValuePair.Create("refresh_token", "x"), KeyValuePair.Create("resource", DevServer.Resource),
            ]);
            using var answer = await server.Http.PostAsync(path, content, TestContext.Current.CancellationToken);
            Assert.True(answer.Headers.CacheControl!.NoStore);
            bodies.Add($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        }

        Assert.Contains("invalid_client", Assert.Single(bodies), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "own: to tell tokens apart by their refusals")]
    public async Task Every_code_and_token_that_is_no_good_is_refused_alike()
    {
        await using var server = await DevServer.StartAsync();
        using var browser = new Browser(server);
        var (mine, other) = (await server.RegisterAsync(), await server.RegisterAsync());
        var (_, body) = await browser.RedeemAsync(mine, await browser.CodeAsync(mine));
        var used = body.GetProperty("refresh_token").GetString()!;
        await browser.RefreshAsync(mine, used);

        var refusals = new HashSet<string>();

        foreach (var (client, token) in ((string, string)[])[(other, used), (mine, used), (mine, "x"), (mine, $"{used}x"), (mine, used[..^4] + "AAAA"), (mine, body.GetProperty("access_token").GetString()!)])
        {
            var (status, refused) = await browser.RefreshAsync(client, token);
            refusals.Add($"{(int)status} {refused.GetRawText()}");
        }

        Assert.Contains("invalid_grant", Assert.Single(refusals), StringComparison.Ordinal);
        Assert.DoesNotContain("openiddict", refusals.Single(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("error_uri", refusals.Single(), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "own: default credentials")]
    public async Task No_secret_is_the_same_on_two_machines_and_nobody_has_a_password()
    {
        await using var one = await DevServer.StartAsync();
        await using var other = await DevServer.StartAsync();

        Assert.All((string[])["server.secret", "dev-cli.secret", "encryption.key", "signing.key"], name => Assert.NotEqual(one.Secret(name), other.Secret(name)));
        Assert.All((string[])["server.secret", "dev-cli.secret"], name => Assert.Equal(43, one.Secret(name).Length)); // 256 bits

        foreach (var (name, value) in ((string, string)[])[("password", "alice"), ("password", ""), ("username", "admin")])
        {
            var (status, body) = await one.PostAsync("/token", ("grant_type", "password"), ("client_id", "dev-cli"), ("client_secret", other.Secret("dev-cli.secret")), ("username", "alice"), (name, value), ("resource", DevServer.Resource));
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.False(body.TryGetProperty("access_token", out _));
        }
    }

    private static Task<HttpResponseMessage> GuessAsync(DevServer server, string path, string client, string guess) => server.Http.PostAsync(
        path,
        path is "/register"
            ? new StringContent("{}", System.Text.Encoding.UTF8, "application/json")
            : new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["client_id"] = client,
                ["client_secret"] = guess,
                ["token"] = guess,
                ["grant_type"] = client is "dev-cli" ? "urn:mcp-files-server:dev-token" : "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ["requested_token_use"] = "on_behalf_of",
                ["assertion"] = guess,
                ["username"] = "alice",
                ["user"] = "alice",
                ["scope"] = "files:read",
                ["resource"] = DevServer.Resource,
            }));
}
