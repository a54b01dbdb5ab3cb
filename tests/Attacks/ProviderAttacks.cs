using System.Net;
using System.Text;
using System.Text.Json;
using McpFilesServer.Tests.Dev;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block I: codes, tokens and what is asked for at the development provider's two endpoints.</summary>
public sealed class ProviderAttacks(SharedDevServer shared) : IClassFixture<SharedDevServer>, IAsyncLifetime
{
    private readonly Browser _browser = new(shared.Server);
    private string _client = "";

    private DevServer Server => shared.Server;

    public async ValueTask InitializeAsync() => _client = await Server.RegisterAsync();

    public ValueTask DisposeAsync()
    {
        _browser.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [Trait("Attack", "I01")]
    [InlineData("code_challenge", null)]
    [InlineData("code_challenge", "")]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("code_challenge_method", null)]
    [InlineData("code_challenge_method", "s256")]
    [InlineData("code_challenge_method", "S512")]
    public async Task Without_a_challenge_nothing_begins(string parameter, string? value) => await RefusedAsync("invalid_request", (parameter, value));

    [Theory]
    [Trait("Attack", "I01")]
    [InlineData("a-code-verifier-of-an-attacker-that-is-long-enough-12345", "invalid_grant")]
    [InlineData("", "invalid_request")]
    public async Task A_code_without_its_verifier_is_worth_nothing(string verifier, string error) =>
        Assert.Equal(error, Error(await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client), verifier)));

    [Fact]
    [Trait("Attack", "I01")]
    public async Task There_is_no_code_without_a_challenge_to_bring_a_verifier_to()
    {
        // The downgrade: the attacker takes the challenge away on the way to the provider, and adds a verifier of his own at the end.
        var page = await _browser.SignInAsync(Browser.Request(_client));
        var fields = Browser.Fields(page, "/authorize").Where(field => !field.Key.StartsWith("code_challenge", StringComparison.Ordinal)).ToList();
        using var answer = await _browser.PostAsync("/authorize", fields, "decision", "approve");

        var parameters = Browser.Parameters(answer.Headers.Location!);
        Assert.Equal("invalid_request", parameters["error"]);
        Assert.DoesNotContain("code", parameters.Keys);
    }

    [Theory]
    [Trait("Attack", "own: a challenge that is no hash")]
    [InlineData("x")]
    [InlineData("a-code-verifier-of-a-test-that-is-long-enough-1234567890")]
    [InlineData("+++++++++++++++++++++++++++++++++++++++++++")]
    public async Task A_challenge_that_no_verifier_could_meet_is_refused(string challenge) => await RefusedAsync("invalid_request", ("code_challenge", challenge));

    [Theory]
    [Trait("Attack", "own: a verifier that can be guessed")]
    [InlineData("1234")]
    [InlineData("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop")]
    public async Task A_short_verifier_is_refused_although_its_hash_is_right(string verifier)
    {
        var challenge = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

        Assert.Equal("invalid_grant", Error(await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client, ("code_challenge", challenge)), verifier)));
    }

    [Fact]
    [Trait("Attack", "I03")]
    public async Task A_code_that_is_replayed_ends_all_that_came_from_it()
    {
        var code = await _browser.CodeAsync(_client);
        var (_, first) = await _browser.RedeemAsync(_client, code);

        Assert.Equal("invalid_grant", Error(await _browser.RedeemAsync(_client, code)));
        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(_client, Text(first, "refresh_token"))));
        Assert.Equal("invalid_grant", Error(await _browser.RedeemAsync(_client, code)));
    }

    [Fact]
    [Trait("Attack", "I03")]
    public async Task A_code_is_good_for_its_own_client_and_redirect_uri_only()
    {
        var other = await Server.RegisterAsync();

        Assert.Equal("invalid_grant", Error(await _browser.RedeemAsync(other, await _browser.CodeAsync(_client))));

        foreach (var uri in (string[])["http://127.0.0.1:7778/callback", "http://127.0.0.1:7777/callback/", "http://localhost:7777/callback", "http://127.0.0.1:7777/callback?x=1", ""])
        {
            using var browser = new Browser(Server);
            Assert.Contains(Error(await _browser.RedeemAsync(_client, await browser.CodeAsync(_client), redirectUri: uri)), (string[])["invalid_grant", "invalid_request"]);
        }
    }

    [Fact]
    [Trait("Attack", "I03")]
    public async Task A_code_is_dead_after_a_minute()
    {
        await using var server = await DevServer.StartAsync();
        using var browser = new Browser(server);
        var client = await server.RegisterAsync();
        var code = await browser.CodeAsync(client);
        server.Clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal("invalid_grant", Error(await browser.RedeemAsync(client, code)));
    }

    [Fact]
    [Trait("Attack", "own: a code redeemed many times at once")]
    public async Task Of_many_redemptions_at_once_one_wins_and_even_that_is_undone()
    {
        var code = await _browser.CodeAsync(_client);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _browser.RedeemAsync(_client, code)));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(_client, Text(won.Body, "refresh_token"))));
    }

    [Theory]
    [Trait("Attack", "I04")]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/mcp")]
    [InlineData("mcp")]
    [InlineData("http://localhost:5080/mcp#x")]
    [InlineData("http://localhost:5080/mcp/")]
    [InlineData("http://localhost:5080/MCP")]
    [InlineData("HTTP://localhost:5080/mcp")]
    [InlineData("http://localhost:5080/mcp?x=1")]
    [InlineData("http://localhost:5080/mcp2")]
    [InlineData("http://localhost:5080")]
    [InlineData("https://graph.microsoft.com")]
    [InlineData("http://localhost:5080/mcp http://localhost:5080/mcp")]
    public async Task A_resource_that_is_not_this_one_is_refused_at_both_endpoints(string? resource)
    {
        await RefusedAsync("invalid_target", ("resource", resource));

        var code = await _browser.CodeAsync(_client);
        Assert.Equal("invalid_target", Error(await _browser.RedeemAsync(_client, code, resource: resource ?? "")));
    }

    [Fact]
    [Trait("Attack", "I04")]
    public async Task Two_resources_are_refused_at_both_endpoints()
    {
        var second = $"&resource={Uri.EscapeDataString(DevServer.Resource)}";
        using var asked = await _browser.Http.GetAsync(Browser.Request(_client) + second, TestContext.Current.CancellationToken);
        Assert.Equal("invalid_target", Browser.Parameters(asked.Headers.Location!)["error"]);

        var code = await _browser.CodeAsync(_client);
        Assert.Equal("invalid_target", Error(await Server.PostAsync("/token", [.. Redemption(code), ("resource", DevServer.Resource), ("resource", "https://elsewhere.test/")])));
    }

    [Fact]
    [Trait("Attack", "own: a refresh for another resource")]
    public async Task A_refresh_token_opens_no_other_resource()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));

        Assert.Equal("invalid_target", Error(await Server.PostAsync(
            "/token", ("grant_type", "refresh_token"), ("client_id", _client), ("refresh_token", Text(body, "refresh_token")), ("resource", "https://elsewhere.test/"))));
    }

    [Fact]
    [Trait("Attack", "I06")]
    public async Task A_refresh_token_that_comes_twice_ends_its_family()
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var (_, second) = await _browser.RefreshAsync(_client, Text(first, "refresh_token"));
        var (_, third) = await _browser.RefreshAsync(_client, Text(second, "refresh_token"));

        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(_client, Text(first, "refresh_token"))));
        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(_client, Text(third, "refresh_token"))));
    }

    [Fact]
    [Trait("Attack", "I06")]
    public async Task A_refresh_token_that_comes_many_times_at_once_ends_its_family()
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _browser.RefreshAsync(_client, Text(first, "refresh_token"))));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(_client, Text(won.Body, "refresh_token"))));
    }

    [Fact]
    [Trait("Attack", "own: a refresh token of another client")]
    public async Task A_refresh_token_is_good_for_its_own_client_only()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));

        Assert.Equal("invalid_grant", Error(await _browser.RefreshAsync(await Server.RegisterAsync(), Text(body, "refresh_token"))));
    }

    [Theory]
    [Trait("Attack", "own: more scope by refreshing")]
    [InlineData("files:read files:write")]
    [InlineData("files:write")]
    [InlineData("projects:read")]
    [InlineData("openid")]
    public async Task A_refresh_gets_no_scope_that_nobody_allowed(string scope)
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));

        Assert.Equal("invalid_scope", Error(await _browser.RefreshAsync(_client, Text(body, "refresh_token"), scope)));
    }

    [Theory]
    [Trait("Attack", "own: one kind of token for another")]
    [InlineData("access_token", "authorization_code", "code")]
    [InlineData("refresh_token", "authorization_code", "code")]
    [InlineData("id_token", "authorization_code", "code")]
    [InlineData("access_token", "refresh_token", "refresh_token")]
    [InlineData("id_token", "refresh_token", "refresh_token")]
    public async Task No_token_passes_for_another_kind(string kind, string grant, string parameter)
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client, ("scope", "openid files:read")));

        Assert.Equal("invalid_grant", Error(await Server.PostAsync("/token", [.. Redemption("").Where(field => field.Name is not ("grant_type" or "code")), ("grant_type", grant), (parameter, Text(body, kind)), ("resource", DevServer.Resource)])));
    }

    [Theory]
    [Trait("Attack", "I10")]
    [InlineData("password")]
    [InlineData("implicit")]
    [InlineData("client_credentials")]
    [InlineData("urn:ietf:params:oauth:grant-type:device_code")]
    [InlineData("urn:ietf:params:oauth:grant-type:token-exchange")]
    [InlineData("urn:openid:params:grant-type:ciba")]
    [InlineData("AUTHORIZATION_CODE")]
    [InlineData("authorization_code refresh_token")]
    [InlineData("none")]
    public async Task There_is_no_such_grant(string grant) =>
        Assert.Equal("unsupported_grant_type", Error(await Server.PostAsync("/token", ("grant_type", grant), ("client_id", _client), ("username", "alice"), ("password", "alice"))));

    [Theory]
    [Trait("Attack", "I10")]
    [InlineData("token")]
    [InlineData("id_token")]
    [InlineData("code token")]
    [InlineData("code id_token")]
    [InlineData("code id_token token")]
    [InlineData("none")]
    [InlineData("Code")]
    public async Task There_is_no_such_response_type(string type) => await RefusedAsync("unsupported_response_type", ("response_type", type), ("nonce", "n"), ("scope", "openid files:read"));

    [Theory]
    [Trait("Attack", "own: a code in a place that leaks")]
    [InlineData("fragment")]
    [InlineData("form_post")]
    [InlineData("web_message")]
    [InlineData("query.jwt")]
    public async Task There_is_no_other_way_for_the_answer(string mode) => await RefusedAsync("invalid_request", ("response_mode", mode));

    [Theory]
    [Trait("Attack", "own: a request object, or the address of one")]
    [InlineData("request", "eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("request_uri", "http://127.0.0.1:5081/request")]
    [InlineData("request_uri", "urn:ietf:params:oauth:request_uri:made-up")]
    public async Task A_request_inside_a_request_is_not_taken(string parameter, string value)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client, (parameter, value)), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(parameter is "request" ? "request_not_supported" : "request_uri_not_supported", Browser.Parameters(answer.Headers.Location!)["error"]);
    }

    [Theory]
    [Trait("Attack", "own: a scope that looks like another")]
    [InlineData("FILES:READ")]
    [InlineData("files:readall")]
    [InlineData("files:read,files:write")]
    [InlineData("files:read\tfiles:write")]
    [InlineData("files:re\u0430d")]
    [InlineData("*")]
    [InlineData("User.ReadBasic.All")]
    [InlineData("http://localhost:5080/mcp/files:read")]
    public async Task A_scope_that_does_not_exist_is_refused(string scope) => await RefusedAsync("invalid_scope", ("scope", scope));

    [Theory]
    [Trait("Attack", "own: words of the attacker in an error")]
    [InlineData("x\r\nSet-Cookie: a=b")]
    [InlineData("\"><script>alert(1)</script>")]
    [InlineData("Call +1-555-0100 to unlock your account, quickly, and tell them your password, all of it")]
    public async Task An_error_says_nothing_that_an_attacker_wrote(string scope)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client, ("scope", scope.Replace(' ', '_'))), TestContext.Current.CancellationToken);
        var said = Browser.Parameters(answer.Headers.Location!)["error_description"];

        Assert.StartsWith("There is no such scope. Scopes are:", said, StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [Trait("Attack", "own: a parameter twice at the token endpoint")]
    [InlineData("client_id", "other")]
    [InlineData("code", "other")]
    [InlineData("code_verifier", "a-code-verifier-of-an-attacker-that-is-long-enough-12345")]
    [InlineData("redirect_uri", "https://evil.test/")]
    [InlineData("grant_type", "refresh_token")]
    public async Task What_comes_twice_is_refused_and_the_code_is_still_good(string parameter, string value)
    {
        var code = await _browser.CodeAsync(_client);
        (string, string)[] good = [.. Redemption(code), ("resource", DevServer.Resource)];

        Assert.Contains(Error(await Server.PostAsync("/token", [.. good, (parameter, value)])), (string[])["invalid_request", "unsupported_grant_type", "invalid_client"]);
        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync("/token", good)).Status);
    }

    [Fact]
    [Trait("Attack", "own: credentials in a URL")]
    public async Task The_token_endpoint_takes_nothing_from_a_url_and_no_json()
    {
        (string Name, string Value)[] good = [.. Redemption(await _browser.CodeAsync(_client)), ("resource", DevServer.Resource)];
        var query = string.Join('&', good.Select(field => $"{field.Name}={Uri.EscapeDataString(field.Value)}"));

        using var got = await Server.Http.GetAsync($"/token?{query}", TestContext.Current.CancellationToken);
        using var posted = await Server.Http.PostAsync($"/token?{query}", null, TestContext.Current.CancellationToken);
        using var json = new StringContent(JsonSerializer.Serialize(good.ToDictionary(field => field.Name, field => field.Value)), Encoding.UTF8, "application/json");
        using var asJson = await Server.Http.PostAsync("/token", json, TestContext.Current.CancellationToken);

        Assert.All([got, posted, asJson], answer => Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode));
    }

    [Fact]
    [Trait("Attack", "own: grants that are for others")]
    public async Task A_client_that_registered_itself_gets_neither_exchanges_nor_tokens_without_a_person()
    {
        var token = await Server.CommandTokenAsync();

        Assert.Equal("invalid_client", Error(await Server.PostAsync("/token", [.. Server.OnBehalfOf(token, $"{Server.Issuer}graph/User.ReadBasic.All").Where(field => field.Item1 is not ("client_id" or "client_secret")), ("client_id", _client)])));
        Assert.Equal("unauthorized_client", Error(await Server.PostAsync("/token", [.. Server.CommandGrant("alice", "files:read").Where(field => field.Item1 is not ("client_id" or "client_secret")), ("client_id", _client)])));
    }

    [Fact]
    [Trait("Attack", "own: a client's secret for another client")]
    public async Task A_secret_is_good_for_its_own_client_only()
    {
        var exchange = Server.CommandGrant("alice", "files:read").Select(field => field.Item1 is "client_secret" ? ("client_secret", Server.Secret("server.secret")) : field);

        Assert.Equal("invalid_client", Error(await Server.PostAsync("/token", [.. exchange])));
    }

    [Fact]
    [Trait("Attack", "own: introspection by a stranger")]
    public async Task Nobody_but_the_server_learns_about_a_token()
    {
        var token = await Server.CommandTokenAsync();

        foreach (var form in ((string, string)[][])[[("token", token)], [("token", token), ("client_id", _client)], [("token", token), ("client_id", "dev-cli"), ("client_secret", Server.Secret("dev-cli.secret"))], [("token", token), ("client_id", "mcp-files-server"), ("client_secret", "")]])
        {
            var (status, body) = await Server.PostAsync("/introspect", form);
            Assert.Contains(status, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden]);
            Assert.Contains(Text(body, "error"), (string[])["invalid_client", "invalid_request", "unauthorized_client"]);
            Assert.False(body.TryGetProperty("active", out _) || body.TryGetProperty("sub", out _));
        }
    }

    [Fact]
    [Trait("Attack", "own: revoking what is another client's")]
    public async Task A_client_revokes_its_own_tokens_only()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        await Server.PostAsync("/revoke", ("client_id", await Server.RegisterAsync()), ("token", Text(body, "refresh_token")));

        Assert.Equal(HttpStatusCode.OK, (await _browser.RefreshAsync(_client, Text(body, "refresh_token"))).Status);
    }

    [Fact]
    [Trait("Attack", "I16")]
    public async Task Every_answer_names_the_issuer_once_and_exactly()
    {
        (string, string?)[][] requests = [[], [("iss", "https://evil.test/")], [("scope", "nothing")], [("response_type", "token")], [("code_challenge", null)], [("resource", "x")], [("prompt", "none")]];

        foreach (var changes in requests)
        {
            using var browser = new Browser(Server);
            using var answer = await browser.Http.GetAsync(Browser.Request(_client, changes), TestContext.Current.CancellationToken);
            var location = answer.Headers.Location?.Query ?? await ApprovedAsync(browser, Browser.Request(_client, changes));

            Assert.Equal([Server.Issuer], System.Web.HttpUtility.ParseQueryString(location).GetValues("iss")!);
        }
    }

    [Theory]
    [Trait("Attack", "I17")]
    [InlineData("/.well-known/oauth-authorization-server")]
    [InlineData("/.well-known/openid-configuration")]
    public async Task Keys_are_public_and_the_issuer_is_where_it_says(string path)
    {
        var metadata = JsonElement.Parse(await Server.Http.GetStringAsync(path, TestContext.Current.CancellationToken));
        Assert.Equal($"{Server.Url}/", Text(metadata, "issuer"));

        var keys = JsonElement.Parse(await Server.Http.GetStringAsync(Text(metadata, "jwks_uri"), TestContext.Current.CancellationToken)).GetProperty("keys");
        Assert.All(keys.EnumerateArray(), key => Assert.Equal(["alg", "e", "kid", "kty", "n", "use"], key.EnumerateObject().Select(member => member.Name).Order()));
    }

    [Theory]
    [Trait("Attack", "I17")]
    [InlineData("/.well-known/oauth-authorization-server/evil")]
    [InlineData("/evil/.well-known/openid-configuration")]
    [InlineData("/.well-known/openid-configuration/evil")]
    public async Task There_is_no_metadata_of_another_issuer(string path)
    {
        using var answer = await Server.Http.GetAsync(path, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Theory]
    [Trait("Attack", "own: the metadata of another host")]
    [InlineData("evil.test")]
    [InlineData("localhost.evil.test")]
    [InlineData("localhost:1")]
    public async Task Metadata_never_says_what_the_host_header_says(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/oauth-authorization-server") { Headers = { Host = host } };
        request.Headers.Add("X-Forwarded-Host", "evil.test");
        using var answer = await Server.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.DoesNotContain("evil", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static string Error((HttpStatusCode Status, JsonElement Body) answer) => Text(answer.Body, "error");

    private static string Text(JsonElement body, string name) => body.GetProperty(name).GetString()!;

    private static async Task<string> ApprovedAsync(Browser browser, string request)
    {
        using var answer = await browser.PostAsync("/authorize", Browser.Fields(await browser.SignInAsync(request), "/authorize"), "decision", "approve");

        return answer.Headers.Location!.Query;
    }

    /// <summary>All that a redemption takes but the resource.</summary>
    private (string Name, string Value)[] Redemption(string code) =>
    [
        ("grant_type", "authorization_code"), ("client_id", _client), ("code", code), ("code_verifier", Browser.Verifier), ("redirect_uri", "http://127.0.0.1:7777/callback"),
    ];

    /// <summary>The client hears the error; nobody gets a code, and no address of a library's documentation.</summary>
    private async Task RefusedAsync(string error, params (string Name, string? Value)[] changes)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client, changes), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.StartsWith("http://127.0.0.1:7777/callback?", answer.Headers.Location!.OriginalString, StringComparison.Ordinal);

        var parameters = Browser.Parameters(answer.Headers.Location!);
        Assert.Equal(error, parameters["error"]);
        Assert.Equal(["error", "error_description", "iss", "state"], parameters.Keys.Order());
    }
}
