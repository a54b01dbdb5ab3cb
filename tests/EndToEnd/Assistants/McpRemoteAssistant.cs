using System.Text.Json;
using McpFilesServer.Tests.Host;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>mcp-remote, and before it an assistant that speaks 2025-11-25 over its standard input and output.</summary>
internal sealed class McpRemoteAssistant : Assistant
{
    private readonly McpRemote _remote;

    private McpRemoteAssistant(McpRemote remote, ScriptedBrowser browser)
        : base(browser)
    {
        _remote = remote;
        Asked = remote.Asked;
        ClientId = remote.ClientId;
    }

    public static async Task<McpRemoteAssistant> StartAsync(Server server, ScriptedBrowser browser, params IEnumerable<string> options) =>
        new(await McpRemote.StartAsync(server, browser, options), browser);

    public override async Task<JsonElement> CallAsync(string tool, object arguments)
    {
        var answer = await _remote.CallAsync(tool, arguments);
        return answer.TryGetProperty("result", out var result) ? result : throw new CallFailedException(answer.GetRawText());
    }

    public override ValueTask DisposeAsync() => _remote.DisposeAsync();
}
