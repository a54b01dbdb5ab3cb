using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>
/// <c>mcp-remote</c> as a desktop assistant runs it: JSON-RPC over its standard input and output, and a person at the browser that it opens.
/// </summary>
internal sealed class McpRemote : IAsyncDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private readonly NodeProcess _process;
    private readonly ScriptedBrowser _browser;
    private readonly Task _person;
    private int _id;

    private McpRemote(Server server, ScriptedBrowser browser, IEnumerable<string> options)
    {
        _browser = browser;
        _process = NodeClients.Start(NodeClients.McpRemote, [server.Resource, $"{NodeClients.CallbackPort()}", "--auth-timeout", "120", .. options]);
        _person = AnswerAsync($"{server.Provider}authorize?");
    }

    /// <summary>What the assistant has been asked, oldest first. It says yes.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>The id that the provider gave it.</summary>
    public string ClientId { get; private set; } = "";

    /// <summary>Starts it and greets it as an assistant of 2025-11-25 does.</summary>
    public static async Task<McpRemote> StartAsync(Server server, ScriptedBrowser browser, params IEnumerable<string> options)
    {
        if (OperatingSystem.IsWindows())
        {
            throw NodeClients.Missing("On Windows mcp-remote opens the real browser, and nothing can stand in for it.");
        }

        var remote = new McpRemote(server, browser, options);
        try
        {
            var greeting = await remote.AskAsync("initialize", new { protocolVersion = "2025-11-25", capabilities = new { elicitation = new { } }, clientInfo = new { name = "An assistant", version = "1" } });
            Assert.Equal("mcp-files-server", greeting.GetProperty("result").GetProperty("serverInfo").GetProperty("name").GetString());
            await remote.SendAsync(new { jsonrpc = "2.0", method = "notifications/initialized" });
            return remote;
        }
        catch
        {
            await remote.DisposeAsync();
            throw;
        }
    }

    /// <summary>Calls a tool once, and gives the whole answer.</summary>
    public Task<JsonElement> CallAsync(string tool, object arguments) => AskAsync("tools/call", new { name = tool, arguments });

    /// <summary>Sends one request, and gives its answer: a result or an error.</summary>
    public async Task<JsonElement> AskAsync(string method, object parameters)
    {
        var id = ++_id;
        await SendAsync(new { jsonrpc = "2.0", id, method, @params = parameters });
        var answer = FindAsync(id);

        // When the person could not go on, that is the reason why nothing comes.
        await Task.WhenAny(answer, _person);
        if (_person.IsFaulted)
        {
            await _person;
        }

        return await answer;
    }

    public async ValueTask DisposeAsync()
    {
        await _limit.CancelAsync();
        await _process.DisposeAsync();
        await _person.ContinueWith(_ => { }, TaskScheduler.Default);
        _limit.Dispose();
    }

    private async Task SendAsync(object message)
    {
        await _process.Input.WriteLineAsync(JsonSerializer.Serialize(message));
        await _process.Input.FlushAsync();
    }

    private async Task<JsonElement> FindAsync(int id)
    {
        try
        {
            await foreach (var line in _process.Output.ReadAllAsync(_limit.Token))
            {
                var message = JsonElement.Parse(line);
                if (message.TryGetProperty("method", out var method) && method.GetString() == "elicitation/create")
                {
                    Asked.Add(message.GetProperty("params").GetProperty("message").GetString()!);
                    await SendAsync(new { jsonrpc = "2.0", id = message.GetProperty("id"), result = new { action = "accept", content = new { confirm = true } } });
                    continue;
                }

                if (message.TryGetProperty("id", out var answered) && answered.TryGetInt32(out var number) && number == id)
                {
                    return message;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Said below.
        }

        throw new InvalidOperationException($"No answer to request {id}. mcp-remote wrote:\n{_process.Log}");
    }

    /// <summary>Does what the browser would: it prints each URL that it opens.</summary>
    private async Task AnswerAsync(string authorize)
    {
        await foreach (var line in _process.Errors.ReadAllAsync(_limit.Token))
        {
            if (line.StartsWith(authorize, StringComparison.Ordinal))
            {
                var page = new Uri(line.Trim());
                ClientId = ScriptedBrowser.Parameters(page)["client_id"];
                await _browser.FollowAsync(await _browser.VisitAsync(page, _limit.Token), _limit.Token);
            }
        }
    }
}
