using System.Net.Http.Json;
using System.Text.Json;
using McpFilesServer.Tests.Dev;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>Every page that a person may come to, in a real browser. With <c>WRITE_DOCS=1</c> their pictures are made anew.</summary>
public sealed class LookedAtTests
{
    private const string Callback = "http://127.0.0.1/callback";
    private const string Elsewhere = "https://assistant.example.com/callback";

    /// <summary>The pages, each with a picture for every size of window.</summary>
    public static IReadOnlyList<string> Pages { get; } =
        ["front", "sign-in", "nothing-connected", "consent", "consent-step-up", "consent-elsewhere", "connected", "disconnected", "signed-out", "error"];

    [Fact]
    public async Task The_front_page_is_whole_on_a_desk_and_on_a_phone_in_light_and_dark_and_keeps_nobody_out()
    {
        await using var server = await Server.StartAsync(settings: ("Mcp:Resource", "http://localhost:5080/mcp"));
        // The address that people have, wherever this one listens.
        using var chromium = Chromium.Start($"--host-resolver-rules=MAP localhost:5080 localhost:{server.Url.Port}");
        chromium.Open(new Uri("http://localhost:5080/"));
        Assert.Contains("Status\nReady", chromium.Words.ReplaceLineEndings("\n"), StringComparison.Ordinal);

        new Visitor(chromium).Look("front");
    }

    [Fact]
    public async Task The_pages_of_the_provider_are_too()
    {
        await using var server = await Server.StartAsync(settings: [("Dev:Clients:0:Id", "notes"), ("Dev:Clients:0:Name", "Notes"), ("Dev:Clients:0:RedirectUris:0", Callback)]);
        using var chromium = Chromium.Start();
        var visitor = new Visitor(chromium);

        chromium.Open(server.Provider);
        visitor.Look("sign-in");
        chromium.Press("Continue as alice");
        Assert.Contains("No program is connected", chromium.Words, StringComparison.Ordinal);
        visitor.Look("nothing-connected");

        chromium.Open(Asked(server, "notes", Callback, "projects:read files:read"));
        visitor.Look("consent");
        chromium.Press("Allow");
        _ = chromium.Complaints(); // nobody listens at the client's address
        chromium.Open(Asked(server, "notes", Callback, "projects:read files:read files:write files:delete"));
        Assert.Contains("It is connected already and asks for more.", chromium.Words, StringComparison.Ordinal);
        visitor.Look("consent-step-up");
        chromium.Open(Asked(server, await RegisterAsync(server, "A helpful assistant", Elsewhere), Elsewhere, "projects:read projects:share files:read drive:write"));
        Assert.Contains("Nobody has checked this program.", chromium.Words, StringComparison.Ordinal);
        visitor.Look("consent-elsewhere");

        chromium.Open(server.Provider);
        visitor.Look("connected");
        chromium.Press("Disconnect", of: "Notes");
        visitor.Look("disconnected");
        chromium.Press("Sign out");
        visitor.Look("signed-out");

        chromium.Open(Asked(server, "nobody", Elsewhere, "files:read"));
        visitor.Look("error", expected: "status of 400");
    }

    [Theory]
    [InlineData("<p style='color:%23ccc'>faint</p>", "color-contrast")]
    [InlineData("<div style='width:2000px'>wide</div>", "too wide")]
    [InlineData("<img src='data:image/png,' alt='a picture'><script>console.error('oh')</script>", "oh")]
    public void Who_looks_sees_what_is_wrong(string wrong, string seen)
    {
        using var chromium = Chromium.Start();
        chromium.Open(new Uri($"data:text/html,<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>{wrong}</main></html>"));

        Assert.Contains(seen, Assert.ThrowsAny<Exception>(() => new Visitor(chromium).Look("wrong")).Message, StringComparison.Ordinal);
    }

    private static Uri Asked(Server server, string client, string callback, string scopes) => new(
        server.Provider, Browser.Request(client, ("redirect_uri", callback), ("resource", server.Resource), ("scope", scopes)));

    private static async Task<string> RegisterAsync(Server server, string name, string callback)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            new Uri(server.Provider, "register"), new { redirect_uris = new[] { callback }, client_name = name, token_endpoint_auth_method = "none" }, TestContext.Current.CancellationToken);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("client_id").GetString()!;
    }
}
