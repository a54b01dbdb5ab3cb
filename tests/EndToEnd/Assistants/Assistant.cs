using System.Text.Json;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>A real client, as an assistant uses it: it knows the server's URL, has a person at a browser, and says yes when it is asked something.</summary>
internal abstract class Assistant(ScriptedBrowser browser) : IAsyncDisposable
{
    /// <summary>The person's browser, which the client sends to the provider.</summary>
    public ScriptedBrowser Browser => browser;

    /// <summary>The id that the provider gave it.</summary>
    public string ClientId { get; protected set; } = "";

    /// <summary>What it has been asked, oldest first.</summary>
    public IReadOnlyList<string> Asked { get; protected init; } = [];

    /// <summary>Calls a tool, signing in when the client finds that it has to, and gives the result.</summary>
    /// <exception cref="CallFailedException">It came to nothing.</exception>
    public abstract Task<JsonElement> CallAsync(string tool, object arguments);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A client could not call, and said so.</summary>
internal sealed class CallFailedException(string message, Exception? inner = null) : Exception(message, inner);
