using System.Text.Json;
using McpFilesServer.Tests.Host;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>The official TypeScript clients, in a program of ours that is driven by lines.</summary>
internal sealed class TypescriptAssistant : Assistant
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private readonly List<string> _asked = [];
    private readonly NodeProcess _process;

    public TypescriptAssistant(string resource, ScriptedBrowser browser, string client)
        : base(browser)
    {
        Asked = _asked;
        // Nothing listens there: the browser hands the answer over.
        _process = NodeClients.Start(NodeClients.Assistant, resource, $"http://127.0.0.1:{Server.FreePort()}/callback", client);
    }

    public override async Task<JsonElement> CallAsync(string tool, object arguments)
    {
        await TellAsync(new { call = tool, arguments });
        await foreach (var line in _process.Output.ReadAllAsync(_limit.Token))
        {
            var said = JsonElement.Parse(line).EnumerateObject().Single();
            switch (said.Name)
            {
                case "client":
                    ClientId = said.Value.GetString()!;
                    break;
                case "open":
                    await TellAsync(new { callback = await Browser.VisitAsync(new Uri(said.Value.GetString()!), _limit.Token) });
                    break;
                case "asked":
                    _asked.Add(said.Value.GetString()!);
                    break;
                case "result":
                    return said.Value;
                default:
                    throw new CallFailedException(said.Value.GetString()!);
            }
        }

        throw new InvalidOperationException($"The client ended. It wrote:\n{_process.Log}");
    }

    public override async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _limit.Dispose();
    }

    private async Task TellAsync(object line)
    {
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(line));
        await _process.Input.FlushAsync();
    }
}
