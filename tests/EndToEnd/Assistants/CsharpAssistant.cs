using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

/// <summary>The official C# client.</summary>
internal sealed class CsharpAssistant : Assistant
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private readonly List<string> _asked = [];
    private readonly CsharpLogin _login;
    private readonly HttpClientTransport _transport;
    private readonly McpClientOptions _options;
    private McpClient? _client;

    public CsharpAssistant(string resource, ScriptedBrowser browser, string version)
        : base(browser)
    {
        Asked = _asked;
        _login = new CsharpLogin(browser);
        _transport = new HttpClientTransport(_login.Options(resource));
        _options = new McpClientOptions
        {
            ProtocolVersion = version,
            Capabilities = new ClientCapabilities { Elicitation = new ElicitationCapability() },
            Handlers = new McpClientHandlers { ElicitationHandler = (request, _) => ValueTask.FromResult(Answer(request!)) },
        };
    }

    public override async Task<JsonElement> CallAsync(string tool, object arguments)
    {
        try
        {
            _client ??= await McpClient.CreateAsync(_transport, _options, cancellationToken: _limit.Token);
            ClientId = _login.ClientId;
            var given = arguments.GetType().GetProperties().ToDictionary(property => property.Name, property => property.GetValue(arguments));
            return JsonSerializer.SerializeToElement(await _client.CallToolAsync(tool, given, cancellationToken: _limit.Token), McpJsonUtilities.DefaultOptions);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new CallFailedException(e.Message, e);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }

        await _transport.DisposeAsync();
        _limit.Dispose();
    }

    private ElicitResult Answer(ElicitRequestParams request)
    {
        _asked.Add(request.Message);
        return new ElicitResult { Action = "accept", Content = new Dictionary<string, JsonElement> { ["confirm"] = JsonElement.Parse("true") } };
    }
}
