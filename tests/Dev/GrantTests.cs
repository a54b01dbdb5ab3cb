using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>What ends a grant, and who learns of it.</summary>
public sealed class GrantTests(ListenedServer shared) : IClassFixture<ListenedServer>, IDisposable
{
    private readonly Browser _browser = new(shared.Server);

    private DevServer Server => shared.Server;

    private LogoutListener Listener => shared.Listener;

    public void Dispose() => _browser.Dispose();

    [Fact]
    public async Task All_tokens_of_a_client_in_one_browser_session_name_the_same_session_and_nobody_elses()
    {
        var first = await Connection.MakeAsync(Server, _browser, scope: "openid files:read");
        Assert.Equal(first.Sid, (await first.RefreshAsync()).Sid);
        var (_, more) = await _browser.RedeemAsync(first.Client, await _browser.CodeAsync(first.Client, ("scope", "openid files:read files:write")));
        Assert.Equal(first.Sid, Connection.SidOf(more.GetProperty("access_token").GetString()!));
        Assert.Equal(first.Sid, Connection.SidOf(more.GetProperty("id_token").GetString()!));

        using var elsewhere = new Browser(Server);
        var others = new[]
        {
            await Connection.MakeAsync(Server, _browser),
            await Connection.MakeAsync(Server, _browser, "bob", client: first.Client),
            await Connection.MakeAsync(Server, elsewhere, client: first.Client),
        };
        Assert.Equal(4, others.Append(first).Select(connection => connection.Sid).Distinct().Count());
    }

    [Fact]
    public async Task Tokens_of_the_command_are_one_session_of_each_user_that_the_user_can_end()
    {
        var (one, two, bobs) = (await Server.CommandTokenAsync(), await Server.CommandTokenAsync(), await Server.CommandTokenAsync("bob"));
        Assert.Equal(Connection.SidOf(one), Connection.SidOf(two));
        Assert.NotEqual(Connection.SidOf(one), Connection.SidOf(bobs));

        await Connection.MakeAsync(Server, _browser);
        await _browser.DisconnectAsync("dev-cli");

        Assert.NotEqual(HttpStatusCode.OK, await Server.ExchangeAsync(two));
        Assert.Equal(HttpStatusCode.OK, await Server.ExchangeAsync(bobs));
        Assert.NotEqual(Connection.SidOf(one), Connection.SidOf(await Server.CommandTokenAsync()));
    }

    [Theory]
    [InlineData("disconnect")]
    [InlineData("revoke the refresh token")]
    [InlineData("revoke an old refresh token")]
    [InlineData("revoke the access token")]
    [InlineData("use a refresh token twice")]
    [InlineData("use the code twice")]
    public async Task However_a_grant_ends_it_is_dead_at_once_the_server_is_told_and_nobody_else_notices(string how)
    {
        using var bobs = new Browser(Server);
        var bob = await Connection.MakeAsync(Server, bobs, "bob");
        var other = await Connection.MakeAsync(Server, _browser);
        var before = await Connection.MakeAsync(Server, _browser);
        var connection = await before.RefreshAsync();

        switch (how)
        {
            case "disconnect":
                await _browser.DisconnectAsync(connection.Client);
                break;
            case "revoke the refresh token":
                Assert.Equal(HttpStatusCode.OK, await connection.RevokeAsync(connection.RefreshToken));
                break;
            case "revoke an old refresh token":
                Assert.Equal(HttpStatusCode.OK, await connection.RevokeAsync(before.RefreshToken));
                break;
            case "revoke the access token":
                Assert.Equal(HttpStatusCode.OK, await connection.RevokeAsync(connection.AccessToken));
                break;
            case "use a refresh token twice":
                Assert.Equal(HttpStatusCode.BadRequest, (await _browser.RefreshAsync(connection.Client, before.RefreshToken)).Status);
                break;
            default:
                Assert.Equal(HttpStatusCode.BadRequest, (await _browser.RedeemAsync(connection.Client, connection.Code)).Status);
                break;
        }

        // Told before the one who ended it has his answer.
        Assert.Contains(connection.Sid, Listener.Sessions());
        await connection.AssertEndedAsync();
        await before.AssertEndedAsync();
        await other.AssertAliveAsync();
        await bob.AssertAliveAsync();
        Assert.Single(Listener.Sessions(), sid => sid == connection.Sid);
        Assert.DoesNotContain(other.Sid, Listener.Sessions());
        Assert.DoesNotContain(bob.Sid, Listener.Sessions());
    }

    [Fact]
    public async Task Signing_out_ends_what_was_connected_in_this_browser_and_nothing_else()
    {
        using var elsewhere = new Browser(Server);
        var far = await Connection.MakeAsync(Server, elsewhere);
        var bob = await Connection.MakeAsync(Server, _browser, "bob");
        Connection[] here = [await Connection.MakeAsync(Server, _browser), await Connection.MakeAsync(Server, _browser)];

        Assert.EndsWith("done=signed-out", await _browser.SignOutAsync(), StringComparison.Ordinal);

        Assert.Superset(here.Select(connection => connection.Sid).ToHashSet(), Listener.Sessions().ToHashSet());
        await here[0].AssertEndedAsync();
        await here[1].AssertEndedAsync();
        await far.AssertAliveAsync();
        await bob.AssertAliveAsync();
        Assert.DoesNotContain(far.Sid, Listener.Sessions());
    }

    [Fact]
    public async Task After_a_disconnect_the_client_starts_anew_in_a_session_of_its_own()
    {
        var first = await Connection.MakeAsync(Server, _browser);
        await _browser.DisconnectAsync(first.Client);
        var second = await Connection.MakeAsync(Server, _browser, client: first.Client);

        Assert.NotEqual(first.Sid, second.Sid);
        await second.AssertAliveAsync();
    }

    [Fact]
    public async Task A_code_that_was_not_redeemed_when_its_grant_ended_never_is()
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        var code = await _browser.CodeAsync(connection.Client);
        await connection.RevokeAsync(connection.RefreshToken);

        Assert.Equal(HttpStatusCode.BadRequest, (await _browser.RedeemAsync(connection.Client, code)).Status);
    }

    [Fact]
    public async Task Nobody_ends_the_grant_of_another()
    {
        using var bobs = new Browser(Server);
        var bob = await Connection.MakeAsync(Server, bobs, "bob");
        var alice = await Connection.MakeAsync(Server, _browser);

        await alice.RevokeAsync(alice.RefreshToken, client: bob.Client);
        await alice.RevokeAsync(alice.AccessToken, client: bob.Client);
        await bobs.DisconnectAsync(alice.Client);

        await alice.AssertAliveAsync();
        Assert.DoesNotContain(alice.Sid, Listener.Sessions());
    }

    [Fact]
    public async Task A_logout_token_is_exactly_what_the_standard_says()
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        await _browser.DisconnectAsync(connection.Client);
        var token = await Listener.TokenOfAsync(connection.Sid);
        var received = Listener.All.Single(received => received.Token == token);
        var payload = JsonSerializer.Deserialize<JsonElement>(Base64UrlEncoder.Decode(token.EncodedPayload));

        Assert.Equal("application/x-www-form-urlencoded", received.ContentType);
        Assert.Equal(["logout_token"], received.Fields);
        Assert.Equal(("logout+jwt", "RS256"), (token.Typ, token.Alg));
        Assert.Equal(["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], payload.EnumerateObject().Select(claim => claim.Name).Order());
        Assert.Equal(Server.Issuer, payload.GetProperty("iss").GetString());
        Assert.Equal("mcp-files-server", payload.GetProperty("aud").GetString());
        Assert.Equal(DevServer.Alice, payload.GetProperty("sub").GetString());
        Assert.Equal("""{"http://schemas.openid.net/event/backchannel-logout":{}}""", payload.GetProperty("events").GetRawText());
        Assert.InRange(payload.GetProperty("exp").GetInt64() - payload.GetProperty("iat").GetInt64(), 1, 120);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - payload.GetProperty("iat").GetInt64(), -5, 60);
        Assert.Equal(Listener.All.Count, Listener.All.Select(other => other.Token.Id).Distinct().Count());

        var keys = new JsonWebKeySet(await Server.Http.GetStringAsync("/jwks", TestContext.Current.CancellationToken)).GetSigningKeys();
        var checkedBy = await new JsonWebTokenHandler().ValidateTokenAsync(token.EncodedToken, new TokenValidationParameters { ValidIssuer = Server.Issuer, ValidAudience = "mcp-files-server", IssuerSigningKeys = keys });
        Assert.True(checkedBy.IsValid);
    }

    [Fact]
    public async Task A_logout_token_is_good_for_nothing_at_the_provider()
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        await _browser.DisconnectAsync(connection.Client);
        var token = (await Listener.TokenOfAsync(connection.Sid)).EncodedToken;

        Assert.NotEqual(HttpStatusCode.OK, await Server.ExchangeAsync(token));
        Assert.False((await Server.IntrospectAsync(token)).GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task The_metadata_says_that_logout_is_told_and_names_the_session()
    {
        foreach (var path in (string[])["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
        {
            var metadata = await Server.Http.GetStringAsync(path, TestContext.Current.CancellationToken);
            var document = JsonSerializer.Deserialize<JsonElement>(metadata);

            Assert.True(document.GetProperty("backchannel_logout_supported").GetBoolean());
            Assert.True(document.GetProperty("backchannel_logout_session_supported").GetBoolean());
            Assert.Contains("sid", document.GetProperty("claims_supported").EnumerateArray().Select(claim => claim.GetString()));
            Assert.False(document.TryGetProperty("end_session_endpoint", out _));
        }
    }

    [Fact]
    public async Task Only_the_server_learns_about_tokens_and_only_about_those_for_itself()
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        var seen = await Server.IntrospectAsync(connection.AccessToken);
        Assert.Equal((DevServer.Alice, connection.Client, connection.Sid), (seen.GetProperty("sub").GetString(), seen.GetProperty("client_id").GetString(), seen.GetProperty("sid").GetString()));

        Assert.False((await Server.IntrospectAsync(connection.RefreshToken)).GetProperty("active").GetBoolean());
        var (status, _) = await Server.PostAsync("/introspect", ("client_id", "dev-cli"), ("client_secret", Server.Secret("dev-cli.secret")), ("token", connection.AccessToken));
        Assert.NotEqual(HttpStatusCode.OK, status);
    }
}

/// <summary>A provider, and what listens in the server's place.</summary>
public sealed class ListenedServer : IAsyncLifetime
{
    internal LogoutListener Listener { get; private set; } = null!;

    internal DevServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Listener = await LogoutListener.StartAsync();
        Server = await DevServer.StartAsync(settings: ("Mcp:Resource", Listener.Resource));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Listener.DisposeAsync();
    }
}
