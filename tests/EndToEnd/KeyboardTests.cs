using McpFilesServer.Tests.Dev;
using McpFilesServer.Tests.Host;
using OpenQA.Selenium;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>Whoever has no mouse can do all that there is to do, and sees where he is.</summary>
public sealed class KeyboardTests
{
    private const string Callback = "http://127.0.0.1/callback";

    [Fact]
    public async Task All_that_can_be_done_on_the_pages_of_the_provider_can_be_done_with_Tab_Enter_and_Space()
    {
        await using var server = await Server.StartAsync(settings: [("Dev:Clients:0:Id", "notes"), ("Dev:Clients:0:Name", "Notes"), ("Dev:Clients:0:RedirectUris:0", Callback)]);
        using var chromium = Chromium.Start();
        var asked = new Uri(server.Provider, Browser.Request("notes", ("redirect_uri", Callback), ("resource", server.Resource), ("scope", "files:read")));

        chromium.Open(asked);
        Walk(chromium, "Continue as alice", "Continue as bob");
        chromium.Leave(() => chromium.Type(Keys.Enter));
        Assert.Contains("signed in as bob", chromium.Words, StringComparison.Ordinal);

        Walk(chromium, "Not you? Continue as alice");
        chromium.Leave(() => chromium.Type(Keys.Space));
        Assert.Contains("signed in as alice", chromium.Words, StringComparison.Ordinal);

        Walk(chromium, "Not you? Continue as bob", "Allow", "Deny");
        chromium.Leave(() => chromium.Type(Keys.Enter));
        Assert.Contains("error=access_denied", chromium.Url.Query, StringComparison.Ordinal);

        chromium.Open(asked);
        Walk(chromium, "Not you? Continue as bob", "Allow");
        chromium.Leave(() => chromium.Type(Keys.Space));
        Assert.Contains("code=", chromium.Url.Query, StringComparison.Ordinal);

        chromium.Open(asked);
        Walk(chromium, "Not you? Continue as bob", "Allow", "Deny", "See the programs that you have connected");
        chromium.Leave(() => chromium.Type(Keys.Enter));
        Walk(chromium, "Disconnect");
        chromium.Leave(() => chromium.Type(Keys.Space));
        Assert.Contains("No program is connected", chromium.Words, StringComparison.Ordinal);

        Walk(chromium, "Sign out");
        chromium.Leave(() => chromium.Type(Keys.Enter));
        Assert.Contains("You are signed out", chromium.Words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_front_page_lets_one_skip_to_its_content_and_stops_at_what_can_be_pressed_only()
    {
        await using var server = await Server.StartAsync();
        using var chromium = Chromium.Start();
        chromium.Open(server.Url);

        Walk(chromium, "Skip to the content");
        chromium.Type(Keys.Enter);
        Assert.Equal("main", chromium.Ask<string>("return document.activeElement.id"));
        Walk(chromium, "Add to VS Code", "Add to Cursor", "Protected resource metadata", "Readiness");
    }

    /// <summary>Goes from stop to stop; each is the next, and is seen.</summary>
    private static void Walk(Chromium chromium, params string[] stops)
    {
        foreach (var stop in stops)
        {
            chromium.Type(Keys.Tab);
            Assert.Equal(stop, chromium.Focused);
            Assert.True(chromium.Ask<bool>(
                """
                const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.top >= 0 && box.bottom <= innerHeight && box.width > 0;
                """), $"{stop} is not seen.");
        }
    }
}
