using System.Text.Json;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>MCP Inspector's command line, as a person uses it: a program for each call, which finds what the one before has stored.</summary>
internal sealed class InspectorAssistant(string resource, ScriptedBrowser browser, string era) : Assistant(browser)
{
    private const string Link = "Please navigate to: ";

    private static readonly Dictionary<string, string> Environment = new()
    {
        // There is no terminal here, and no keychain.
        ["MCP_AUTO_OPEN_ENABLED"] = "true",
        ["MCP_INSPECTOR_SECRET_STORE"] = "file",
    };

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));
    private readonly string _home = Directory.CreateTempSubdirectory("mcp-inspector-").FullName;
    private readonly int _port = NodeClients.CallbackPort();

    public override async Task<JsonElement> CallAsync(string tool, object arguments)
    {
        if (OperatingSystem.IsWindows())
        {
            throw NodeClients.Missing("On Windows the Inspector opens the real browser, and nothing can stand in for it.");
        }

        await using var process = NodeClients.StartAt(_home, Environment, NodeClients.Inspector,
        [
            "--cli", resource, "--transport", "http", "--protocol-era", era, "--connect-timeout", "60000", "--format", "json",
            "--callback-url", $"http://127.0.0.1:{_port}/oauth/callback", "--method", "tools/call", "--tool-name", tool, "--tool-args-json", JsonSerializer.Serialize(arguments),
        ]);
        await foreach (var line in process.Errors.ReadAllAsync(_limit.Token))
        {
            if (line.StartsWith(Link, StringComparison.Ordinal))
            {
                var page = new Uri(line[Link.Length..].Trim());
                ClientId = ScriptedBrowser.Parameters(page)["client_id"];
                await Browser.FollowAsync(await Browser.VisitAsync(page, _limit.Token), _limit.Token);
            }
        }

        var (status, output, _) = await process.EndAsync(_limit.Token);
        return status == 0 ? JsonElement.Parse(output).GetProperty("result") : throw new CallFailedException(process.Log);
    }

    public override ValueTask DisposeAsync()
    {
        _limit.Dispose();
        Directory.Delete(_home, recursive: true);
        return ValueTask.CompletedTask;
    }
}
