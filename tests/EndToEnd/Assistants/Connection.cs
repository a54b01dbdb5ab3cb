using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>
/// A server whose access tokens live for seconds, and with it the whole story of a client's connection: signing in, reading, stepping up, being asked, refreshing, and calling after
/// the person has disconnected it.
/// </summary>
public class Connection : IAsyncLifetime
{
    private static readonly object ShoppingList = new { project = "welcome", path = "shopping-list.txt" };

    /// <summary>After how long a client gets another token. Long enough for any step, and short enough to wait for.</summary>
    private readonly TimeSpan _patience = TimeSpan.FromSeconds(8);

    public Connection()
        : this(TimeSpan.Zero)
    {
    }

    /// <param name="early">How long before its end a client renews a token.</param>
    /// <param name="settings">More of the server's.</param>
    private protected Connection(TimeSpan early, params (string Key, string Value)[] settings) => Server = new Server(
    [
        ("Mcp:Sessions", "Hybrid"), ("Limits:Sessions", "1000"), ("Dev:AccessTokenLifetime", $"{_patience + early:c}"), ("Auth:ClockSkew", "00:00:00"), .. settings,
    ]);

    internal Server Server { get; }

    public ValueTask InitializeAsync() => Server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Server.DisposeAsync();
    }

    /// <summary>The client is made known, and reads with the baseline scopes.</summary>
    internal static async Task SignInAsync(Assistant assistant, params string[] scopes)
    {
        await ReadAsync(assistant);
        Assert.Equal(scopes.Order(), Assert.Single(assistant.Browser.Consents).Names.Order());
        Assert.Equal("alice", assistant.Browser.Consents[0].User);
    }

    /// <summary>A scope is missing, the person grants it, and the call goes on.</summary>
    /// <returns>The slug of the project that the call has made.</returns>
    internal static async Task<string> StepUpAsync(Assistant assistant)
    {
        var before = assistant.Browser.Consents[^1].Names;
        var project = await CreateAsync(assistant);
        Assert.Equal(2, assistant.Browser.Consents.Count);
        Assert.Equal(before.Append("projects:write").Order(), assistant.Browser.Consents[1].Names.Order());
        return project;
    }

    internal static async Task<string> CreateAsync(Assistant assistant) =>
        (await DoneAsync(assistant, "create_project", new { title = "Made for another" })).GetProperty("structuredContent").GetProperty("slug").GetString()!;

    /// <summary>The person is asked, in the server's words, before anything is done; by a client that steps up, for another scope first.</summary>
    internal static async Task ConfirmAsync(Assistant assistant, string project)
    {
        Assert.Empty(assistant.Asked);
        await DoneAsync(assistant, "set_member", new { project, user = Tokens.Bob, role = "reader" });
        Assert.Equal($"Give the person with the id “{Tokens.Bob}” access to the project “Made for another”, as “reader”.", Assert.Single(assistant.Asked));
    }

    /// <summary>The access token has run out, and the client gets another one by itself.</summary>
    internal async Task RefreshAsync(Assistant assistant)
    {
        var (consents, before) = (assistant.Browser.Consents.Count, LastToken(assistant));
        await Task.Delay(_patience + TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        await ReadAsync(assistant);
        Assert.Equal(consents, assistant.Browser.Consents.Count);
        Assert.NotEqual(before, LastToken(assistant));
    }

    /// <summary>The person disconnects the client, which cannot call any more: it brings the person to the provider again, who says no.</summary>
    internal async Task DisconnectAsync(Assistant assistant)
    {
        var (consents, decisions) = (assistant.Browser.Consents.Count, Server.DecisionsOn(assistant.ClientId).Count());
        await assistant.Browser.DisconnectAsync(Server.Provider, assistant.ClientId, TestContext.Current.CancellationToken);
        assistant.Browser.Approves = _ => false;

        await Assert.ThrowsAsync<CallFailedException>(() => ReadAsync(assistant));

        Assert.Equal(consents + 1, assistant.Browser.Consents.Count);
        Assert.Equal(decisions, Server.DecisionsOn(assistant.ClientId).Count());
        Assert.Equal(1, assistant.Browser.SignIns);
    }

    internal static async Task ReadAsync(Assistant assistant) =>
        Assert.Equal("bread\nbutter\napples\ntea\n", (await DoneAsync(assistant, "read_text_file", ShoppingList)).GetProperty("content")[0].GetProperty("text").GetString());

    private static async Task<JsonElement> DoneAsync(Assistant assistant, string tool, object arguments)
    {
        var result = await assistant.CallAsync(tool, arguments);
        Assert.False(result.TryGetProperty("isError", out var failed) && failed.GetBoolean(), result.GetRawText());
        return result;
    }

    /// <summary>By which token the client was let through last.</summary>
    private string LastToken(Assistant assistant) => Server.AuditRows()
        .Last(row => row.GetProperty("client").GetString() == assistant.ClientId && row.GetProperty("decision").GetString() == "allow").GetProperty("token_id").GetString()!;
}

/// <summary>For mcp-remote, which gets another token a minute before the one it has runs out.</summary>
public sealed class McpRemoteConnection() : Connection(TimeSpan.FromMinutes(1));

/// <summary>For a client that cannot step up: what it needs is asked for at once, as docs/clients.md says.</summary>
public sealed class WideConnection() : Connection(TimeSpan.Zero, ("Mcp:BaselineScopes", "projects:read files:read projects:write projects:share"));
