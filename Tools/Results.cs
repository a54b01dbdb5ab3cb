using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Holds what a tool gives to what it declared, because the SDK does not: a structured result has the form of the output schema, and there is one exactly
/// where there is a schema. A tool also has no way to the client but its result: errors and questions of the protocol are not its to send. Whatever is
/// otherwise is a failure of the server, and the caller sees none of it.
/// </summary>
internal sealed class Results
{
    private readonly Dictionary<string, ResultShape> _shapes = new(StringComparer.Ordinal);

    /// <exception cref="SettingsException">An output schema cannot be checked.</exception>
    public Results(IEnumerable<McpServerTool> tools)
    {
        foreach (var tool in tools.Select(tool => tool.ProtocolTool).Where(tool => tool.OutputSchema is not null))
        {
            try
            {
                _shapes[tool.Name] = ResultShape.Of(tool.OutputSchema!.Value);
            }
            catch (Exception e) when (e is FormatException or InvalidOperationException)
            {
                throw new SettingsException($"The result of the tool '{tool.Name}' has a schema that cannot be checked ({e.Message}). Return a record of text, numbers, true or false, lists and records.");
            }
        }
    }

    /// <summary>Stands right before the tool.</summary>
    public static McpRequestHandler<CallToolRequestParams, CallToolResult> Filter(McpRequestHandler<CallToolRequestParams, CallToolResult> next) =>
        async (request, cancellationToken) =>
        {
            CallToolResult result;
            try
            {
                result = await next(request, cancellationToken);
            }
            catch (Exception e) when (e is McpProtocolException or InputRequiredException)
            {
                // Its message would go to the client as it stands.
                throw new InvalidOperationException("The tool threw what is the protocol's.", e);
            }

            return request.Services!.GetRequiredService<Results>().Fault(request.Params!.Name, result) is not { } fault ? result
                : throw new InvalidOperationException($"The result is not what the output schema says, at '{fault}'.");
        };

    private string? Fault(string tool, CallToolResult result) =>
        (_shapes.GetValueOrDefault(tool), result.StructuredContent) switch
        {
            (_, null) when result.IsError == true => null,
            (null, null) => null,
            ({ } shape, { } structured) when result.IsError != true => shape.Fault(structured) is not { } fault ? null
                // What is no object, older clients get wrapped into one.
                : !shape.IsOfObject && structured.ValueKind == JsonValueKind.Object && structured.TryGetProperty("result", out var wrapped) ? shape.Fault(wrapped)
                : fault,
            _ => "/",
        };
}
