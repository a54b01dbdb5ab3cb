using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using NJsonSchema;

namespace McpFilesServer.Tools;

/// <summary>
/// Holds what a tool gives to what it declared, because the SDK does not: a structured result has the form of the output schema, and there is one exactly
/// where there is a schema. A tool also has no way to the client but its result: errors and questions of the protocol are not its to send. Whatever is
/// otherwise is a failure of the server, and the caller sees none of it.
/// </summary>
internal sealed class Results
{
    private readonly Dictionary<string, JsonSchema> _schemas = new(StringComparer.Ordinal);

    /// <exception cref="SettingsException">An output schema cannot be checked.</exception>
    public Results(IEnumerable<McpServerTool> tools)
    {
        foreach (var tool in tools.Select(tool => tool.ProtocolTool).Where(tool => tool.OutputSchema is not null))
        {
            // Closed here and not in what is published: a later version may say more, and clients should not refuse that.
            var schema = JsonSerializer.SerializeToNode(tool.OutputSchema)!.AsObject();
            Schemas.Close(schema);
            _schemas[tool.Name] = Schemas.Compile($"The results of the tool '{tool.Name}'", schema);
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

    private string? Fault(string tool, CallToolResult result) => (_schemas.GetValueOrDefault(tool), result.StructuredContent) switch
    {
        (_, null) when result.IsError == true => null,
        (null, null) => null,
        ({ } schema, { } structured) when result.IsError != true => Fault(schema, structured),
        _ => "/",
    };

    private static string? Fault(JsonSchema schema, JsonElement structured)
    {
        // What is no object, the SDK wraps into one for older clients.
        var value = !schema.Type.HasFlag(JsonObjectType.Object) && structured.ValueKind == JsonValueKind.Object && structured.TryGetProperty("result", out var wrapped) ? wrapped : structured;
        return Schemas.Faults(schema, value.GetRawText()).FirstOrDefault()?.Path;
    }
}
