using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class AuthorizationCodeTests(SharedDevServer shared) : IClassFixture<SharedDevServer>, IAsyncLifetime
{
    private DevServer Server => shared.Server;
    private readonly Browser _browser = new(shared.Server);
    private string _client = "";

    public async ValueTask InitializeAsync() => _client = await Server.RegisterAsync();

    public ValueTask DisposeAsync()
    {
        _browser.Dispose();

        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_client_registers_and_gets_a_five_minute_token_after_consent()
    {
        var answer = await _browser.DecideAsync(await _browser.SignInAsync(Browser.Request(_client), "bob"));
        Assert.Equal(Server.Issuer, answer["iss"]);
        Assert.Equal("the state", answer["state"]);

        var (status, body) = await _browser.RedeemAsync(_client, answer["code"]);
        Assert.Equal(HttpStatusCode.OK, status);

        var token = new JsonWebToken(body.GetProperty("access_token").GetString());
        var payload = JsonSerializer.Deserialize<JsonElement>(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(token.EncodedPayload));
        Assert.Equal("at+jwt", token.Typ);
        Assert.Equal("RS256", token.Alg);
        Assert.Equal(Server.Issuer, token.Issuer);
        Assert.Equal(DevServer.Bob, token.Subject);
        Assert.Equal(DevServer.Resource, payload.GetProperty("aud").GetString());
        Assert.Equal("files:read offline_access", payload.GetProperty("scope").GetString());
        Assert.Equal(_client, payload.GetProperty("client_id").GetString());
        Assert.Equal("bob", payload.GetProperty("name").GetString());
        Assert.NotEmpty(token.Id);
        Assert.Equal(300, payload.GetProperty("exp").GetInt64() - payload.GetProperty("iat").GetInt64());
        Assert.False(payload.TryGetProperty("tid", out _));
    }

    [Fact]
    public async Task Tokens_are_not_stored_by_anybody_on_the_way()
    {
        using var content = new FormUrlEncodedContent(Server.CommandGrant("alice", "files:read").Select(field => KeyValuePair.Create(field.Item1, field.Item2)));
        using var answer = await Server.Http.PostAsync("/token", content, TestContext.Current.CancellationToken);

        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task A_code_is_good_once_and_using_it_again_kills_what_it_gave()
    {
        var code = await _browser.CodeAsync(_client);
        var (_, first) = await _browser.RedeemAsync(_client, code);
        var token = first.GetProperty("access_token").GetString()!;
        Assert.True((await Server.IntrospectAsync(token)).GetProperty("active").GetBoolean());

        var (status, second) = await _browser.RedeemAsync(_client, code);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_grant", Error(second));

        var (_, refreshed) = await _browser.RefreshAsync(_client, first.GetProperty("refresh_token").GetString()!);
        Assert.Equal("invalid_grant", Error(refreshed));

        Assert.False((await Server.IntrospectAsync(token)).GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task A_code_lives_a_minute()
    {
        await using var server = await DevServer.StartAsync();
        using var browser = new Browser(server);
        var client = await server.RegisterAsync();
        var code = await browser.CodeAsync(client);
        server.Clock.Advance(TimeSpan.FromSeconds(61));

        Assert.Equal("invalid_grant", Error((await browser.RedeemAsync(client, code)).Body));
    }

    [Fact]
    public async Task A_code_belongs_to_its_client_its_verifier_and_its_redirect_uri()
    {
        var other = await Server.RegisterAsync();

        Assert.Equal("invalid_grant", Error((await _browser.RedeemAsync(other, await _browser.CodeAsync(_client))).Body));
        Assert.Equal("invalid_grant", Error((await _browser.RedeemAsync(_client, await CodeAgainAsync(), verifier: new string('x', 50))).Body));
        Assert.Equal("invalid_grant", Error((await _browser.RedeemAsync(_client, await CodeAgainAsync(), redirectUri: "http://127.0.0.1:7777/other")).Body));
    }

    [Fact]
    public async Task A_refresh_token_rotates_and_its_reuse_kills_the_family()
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var old = first.GetProperty("refresh_token").GetString()!;

        var (status, second) = await _browser.RefreshAsync(_client, old);
        Assert.Equal(HttpStatusCode.OK, status);
        var rotated = second.GetProperty("refresh_token").GetString()!;
        Assert.NotEqual(old, rotated);

        Assert.Equal("invalid_grant", Error((await _browser.RefreshAsync(_client, old)).Body));
        Assert.Equal("invalid_grant", Error((await _browser.RefreshAsync(_client, rotated)).Body));
    }

    [Fact]
    public async Task A_refresh_token_used_in_parallel_kills_the_family_too()
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var token = first.GetProperty("refresh_token").GetString()!;

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _browser.RefreshAsync(_client, token)));
        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal("invalid_grant", Error((await _browser.RefreshAsync(_client, won.Body.GetProperty("refresh_token").GetString()!)).Body));
    }

    [Fact]
    public async Task A_refresh_does_not_widen_the_scope()
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var (status, body) = await _browser.RefreshAsync(_client, first.GetProperty("refresh_token").GetString()!, "files:read files:write");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_scope", Error(body));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("files:read offline_access")]
    [InlineData("files:read")]
    public async Task Every_answer_says_the_scope_of_its_token_also_when_it_is_the_one_that_was_asked_for(string? asked)
    {
        var (_, first) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var (_, second) = await _browser.RefreshAsync(_client, first.GetProperty("refresh_token").GetString()!, asked);

        Assert.All((JsonElement[])[first, second], body =>
            Assert.Equal(new JsonWebToken(body.GetProperty("access_token").GetString()).GetClaim("scope").Value, body.GetProperty("scope").GetString()));
    }

    [Fact]
    public async Task A_client_that_never_asks_for_offline_access_can_refresh_too_and_the_person_is_told()
    {
        var consent = await _browser.SignInAsync(Browser.Request(_client, ("scope", "files:read")));
        Assert.Contains("Stay connected", consent, StringComparison.Ordinal);

        var (_, first) = await _browser.RedeemAsync(_client, (await _browser.DecideAsync(consent))["code"]);
        var (_, second) = await _browser.RefreshAsync(_client, first.GetProperty("refresh_token").GetString()!);
        var (status, third) = await _browser.RefreshAsync(_client, second.GetProperty("refresh_token").GetString()!);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("files:read", new JsonWebToken(third.GetProperty("access_token").GetString()).GetClaim("scope").Value);
    }

    [Fact]
    public async Task A_request_without_scope_gets_the_baseline()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client, ("scope", null)));

        Assert.Equal("projects:read files:read", new JsonWebToken(body.GetProperty("access_token").GetString()).GetClaim("scope").Value);
    }

    [Fact]
    public async Task An_id_token_says_who_signed_in_when_asked_for()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client, ("scope", "openid files:read"), ("nonce", "n")));
        var token = new JsonWebToken(body.GetProperty("id_token").GetString());

        Assert.Equal(DevServer.Alice, token.Subject);
        Assert.Equal([_client], token.Audiences);
        Assert.Equal("n", token.GetClaim("nonce").Value);
        Assert.NotEqual("at+jwt", token.Typ);
    }

    [Theory]
    [InlineData("code_challenge", null, "invalid_request")]
    [InlineData("code_challenge_method", "plain", "invalid_request")]
    [InlineData("code_challenge_method", null, "invalid_request")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("response_type", "code token", "unsupported_response_type")]
    [InlineData("response_mode", "fragment", "invalid_request")]
    [InlineData("scope", "files:everything", "invalid_scope")]
    [InlineData("resource", null, "invalid_target")]
    [InlineData("resource", "https://elsewhere.test/mcp", "invalid_target")]
    [InlineData("resource", "/mcp", "invalid_target")]
    [InlineData("resource", "http://localhost:5080/mcp/", "invalid_target")]
    [InlineData("resource", "http://localhost:5080/mcp#x", "invalid_target")]
    [InlineData("prompt", "none", "consent_required")]
    public async Task A_wrong_request_goes_back_to_the_client_with_error_state_and_issuer(string parameter, string? value, string error)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client, (parameter, value)), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.StartsWith("http://127.0.0.1:7777/callback?", answer.Headers.Location!.ToString(), StringComparison.Ordinal);

        var parameters = Browser.Parameters(answer.Headers.Location);
        Assert.Equal(error, parameters["error"]);
        Assert.Equal("the state", parameters["state"]);
        Assert.Equal(Server.Issuer, parameters["iss"]);
        Assert.False(parameters.ContainsKey("code"));
    }

    [Fact]
    public async Task Two_resources_are_one_too_many()
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client) + "&resource=" + Uri.EscapeDataString(DevServer.Resource), TestContext.Current.CancellationToken);
        Assert.Equal("invalid_target", Browser.Parameters(answer.Headers.Location!)["error"]);
    }

    [Theory]
    [InlineData("redirect_uri", "http://127.0.0.1:7777/callback")]
    [InlineData("redirect_uri", "https://evil.test/")]
    [InlineData("client_id", "other")]
    public async Task Two_clients_or_two_redirect_uris_end_on_a_page(string parameter, string value)
    {
        using var answer = await _browser.Http.GetAsync($"{Browser.Request(_client)}&{parameter}={Uri.EscapeDataString(value)}", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Theory]
    [InlineData("scope", "files:write")]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("state", "another")]
    public async Task Any_other_parameter_twice_is_an_error(string parameter, string value)
    {
        using var answer = await _browser.Http.GetAsync($"{Browser.Request(_client)}&{parameter}={Uri.EscapeDataString(value)}", TestContext.Current.CancellationToken);

        Assert.Equal("invalid_request", Browser.Parameters(answer.Headers.Location!)["error"]);
    }

    [Theory]
    [InlineData("http://127.0.0.1:7777/other")]
    [InlineData("http://127.0.0.1:7777/callback?x=1")]
    [InlineData("http://127.0.0.1:7777/callback#x")]
    [InlineData("http://127.0.0.1:7777/Callback")]
    [InlineData("http://127.0.0.1:7777@evil.test/callback")]
    [InlineData("http://127.0.0.1:80evil.test/callback")]
    [InlineData("http://127.0.0.1.evil.test/callback")]
    [InlineData("http://localhost:7777/callback")]
    [InlineData("https://127.0.0.1:7777/callback")]
    [InlineData("javascript:alert(1)")]
    public async Task A_wrong_redirect_uri_ends_on_a_page_and_never_redirects(string uri)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(_client, ("redirect_uri", uri)), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task An_unknown_client_ends_on_a_page_and_never_redirects()
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request("nobody"), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Fact]
    public async Task A_program_on_a_loopback_address_may_choose_its_port_late()
    {
        Assert.NotEmpty(await _browser.CodeAsync(_client, ("redirect_uri", "http://127.0.0.1:9999/callback")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("https://elsewhere.test/mcp")]
    [InlineData("http://localhost:5080/mcp/")]
    public async Task The_token_endpoint_wants_the_same_resource_again(string resource)
    {
        var (status, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client), resource: resource);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_target", Error(body));
    }

    [Theory]
    [InlineData("password")]
    [InlineData("client_credentials")]
    [InlineData("urn:ietf:params:oauth:grant-type:device_code")]
    [InlineData("urn:ietf:params:oauth:grant-type:token-exchange")]
    [InlineData("magic")]
    public async Task There_are_no_other_grants(string grant) =>
        Assert.Equal("unsupported_grant_type", Error((await Server.PostAsync("/token", ("grant_type", grant), ("client_id", _client), ("username", "alice"), ("password", "x"))).Body));

    [Fact]
    public async Task A_revoked_refresh_token_is_dead()
    {
        var (_, body) = await _browser.RedeemAsync(_client, await _browser.CodeAsync(_client));
        var token = body.GetProperty("refresh_token").GetString()!;

        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync("/revoke", ("client_id", _client), ("token", token))).Status);
        Assert.Equal("invalid_grant", Error((await _browser.RefreshAsync(_client, token)).Body));
        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync("/revoke", ("client_id", _client), ("token", "unknown"))).Status);
    }

    [Fact]
    public async Task A_registered_client_survives_a_restart()
    {
        await using var first = await DevServer.StartAsync(keepDirectory: true);
        var client = await first.RegisterAsync();
        using var before = new Browser(first);
        var (_, body) = await before.RedeemAsync(client, await before.CodeAsync(client));
        await first.DisposeAsync();

        await using var second = await DevServer.StartAsync(first.Url, first.Directory);
        using var after = new Browser(second);
        Assert.Equal(HttpStatusCode.OK, (await after.RefreshAsync(client, body.GetProperty("refresh_token").GetString()!)).Status);
        Assert.NotEmpty(await after.CodeAsync(client));
    }

    private static string Error(JsonElement body) => body.GetProperty("error").GetString()!;

    /// <summary>This browser is signed in by now, so it comes to the consent page at once.</summary>
    private async Task<string> CodeAgainAsync() => (await _browser.DecideAsync(await _browser.Http.GetStringAsync(Browser.Request(_client))))["code"];
}
