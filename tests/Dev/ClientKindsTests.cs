using System.Net;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>However a client came to be known, it goes the same way: sign-in, step-up, refresh, disconnect.</summary>
public sealed class ClientKindsTests : IAsyncLifetime
{
    public const string Configured = "notes.desktop-app";

    private DevServer _server = null!;
    private DocumentStub _stub = null!;

    public async ValueTask InitializeAsync()
    {
        _stub = await DocumentStub.StartAsync();
        _server = await DevServer.StartAsync(settings:
        [
            ("Dev:AllowLoopbackClientDocuments", "true"),
            ("Dev:Clients:0:Id", Configured), ("Dev:Clients:0:Name", "A client from settings"), ("Dev:Clients:0:RedirectUris:0", "http://127.0.0.1:7777/callback"),
        ]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _stub.DisposeAsync();
    }

    [Theory]
    [InlineData("metadata document", "A published client")]
    [InlineData("dynamic", "A test")]
    [InlineData("pre-registered", "A client from settings")]
    public async Task Every_kind_of_client_signs_in_steps_up_refreshes_and_disconnects(string kind, string name)
    {
        var client = kind switch
        {
            "metadata document" => _stub.ClientId,
            "dynamic" => await _server.RegisterAsync(),
            _ => Configured,
        };
        using var browser = new Browser(_server);

        // Sign-in, at a port that the client chose late.
        var consent = await browser.SignInAsync(Browser.Request(client, ("redirect_uri", "http://127.0.0.1:9876/callback"), ("scope", "files:read")));
        Assert.Contains(name, consent, StringComparison.Ordinal);
        // The settings, or the host of the document, stand for a name; for one that the client gave itself nobody does.
        Assert.Equal(kind == "dynamic", consent.Contains("Nobody has checked this program.", StringComparison.Ordinal));
        var (status, first) = await browser.RedeemAsync(client, (await browser.DecideAsync(consent))["code"], redirectUri: "http://127.0.0.1:9876/callback");
        Assert.Equal(HttpStatusCode.OK, status);
        AssertToken(first, client, "files:read");

        // Step-up: the same person, asked again, for one scope more.
        var more = await browser.Http.GetStringAsync(Browser.Request(client, ("scope", "files:read files:write")));
        Assert.Contains("Create and change files in your projects", more, StringComparison.Ordinal);
        var (_, second) = await browser.RedeemAsync(client, (await browser.DecideAsync(more))["code"]);
        AssertToken(second, client, "files:read files:write");

        // Refresh, and again with the rotated token.
        var (_, third) = await browser.RefreshAsync(client, RefreshToken(second));
        AssertToken(third, client, "files:read files:write");
        var (_, fourth) = await browser.RefreshAsync(client, RefreshToken(third), "files:read");
        AssertToken(fourth, client, "files:read");

        using var another = new Browser(_server);
        var (_, ofBob) = await another.RedeemAsync(client, (await another.DecideAsync(await another.SignInAsync(Browser.Request(client), "bob")))["code"]);

        // Disconnect, on the page of the connected programs: what alice allowed ends, what bob allowed goes on.
        Assert.Contains(name, await browser.AccountAsync(), StringComparison.Ordinal);
        await browser.DisconnectAsync(client);
        Assert.Equal("invalid_grant", (await browser.RefreshAsync(client, RefreshToken(fourth))).Body.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, (await another.RefreshAsync(client, RefreshToken(ofBob))).Status);
    }

    [Fact]
    public async Task A_client_from_settings_is_forgotten_with_its_setting()
    {
        await using var first = await DevServer.StartAsync(
            keepDirectory: true, settings: [("Dev:Clients:0:Id", Configured), ("Dev:Clients:0:Name", "A"), ("Dev:Clients:0:RedirectUris:0", "http://127.0.0.1:7777/callback")]);
        var dynamic = await first.RegisterAsync();
        await first.DisposeAsync();

        await using var second = await DevServer.StartAsync(first.Url, first.Directory);
        using var browser = new Browser(second);
        using var answer = await browser.Http.GetAsync(Browser.Request(Configured), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEmpty(await browser.CodeAsync(dynamic));
    }

    [Theory]
    [InlineData("Dev:Clients:0:Id", "", "Dev:Clients:0:Id")]
    [InlineData("Dev:Clients:0:Id", "https://client.example.test/x", "Dev:Clients:0:Id")]
    [InlineData("Dev:Clients:0:Id", "dev-cli", "Dev:Clients:0:Id")]
    [InlineData("Dev:Clients:0:Id", "mcp-files-server", "Dev:Clients:0:Id")]
    [InlineData("Dev:Clients:0:Name", " ", "Dev:Clients:0:Name")]
    [InlineData("Dev:Clients:0:RedirectUris:0", "http://client.example.test/", "Dev:Clients:0:RedirectUris")]
    [InlineData("Dev:Clients:0:RedirectUris:0", "", "Dev:Clients:0:RedirectUris")]
    [InlineData("Dev:Clients:0:Secret", "x", "Secret")]
    public void A_client_that_cannot_be_stops_the_start_and_names_the_setting(string key, string value, string named)
    {
        Dictionary<string, string> settings = new()
        {
            ["Dev:Clients:0:Id"] = "notes",
            ["Dev:Clients:0:Name"] = "Notes",
            ["Dev:Clients:0:RedirectUris:0"] = "http://127.0.0.1/callback",
            [key] = value,
        };

        var refusal = Assert.Throws<InvalidOperationException>(() => DevServer.Configure("Development", [.. settings.Select(setting => (setting.Key, setting.Value))]));
        Assert.Contains(named, refusal.Message + refusal.InnerException?.Message, StringComparison.Ordinal);
    }

    private static void AssertToken(System.Text.Json.JsonElement answer, string client, string scope)
    {
        var token = new JsonWebToken(answer.GetProperty("access_token").GetString());
        Assert.Equal((client, scope), (token.GetClaim("client_id").Value, token.GetClaim("scope").Value));
    }

    private static string RefreshToken(System.Text.Json.JsonElement answer) => answer.GetProperty("refresh_token").GetString()!;
}
