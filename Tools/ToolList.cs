using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using McpFilesServer.Auth;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// The list of tools. It is the same for everybody who speaks the same protocol version, and long, so that it is written once and then put into answers as it
/// stands. Whether every tool is still the approved one is looked at each time.
/// </summary>
internal sealed class ToolList(ApprovedSurface approved, McpOptions mcp)
{
    // Of the very options that the SDK writes messages with: in a tree, a value is asked for its writer again when the options are others.
    private static readonly JsonTypeInfo<Written> Json = JsonMetadataServices.CreateValueInfo<Written>(
        McpJsonUtilities.DefaultOptions.TypeInfoResolverChain.OfType<JsonSerializerContext>().First().Options, new Writer());

    /// <summary>The lists by protocol version: older clients get schemas of another form. There are as many as versions are served.</summary>
    private readonly ConcurrentDictionary<string, Written> _written = new(StringComparer.Ordinal);

    /// <summary>Lists the tools that are still the approved ones; with <c>Mcp:ToolListing=Granted</c>, of those the ones that the caller's token suffices for.</summary>
    public static McpRequestHandler<ListToolsRequestParams, ListToolsResult> Filter(McpRequestHandler<ListToolsRequestParams, ListToolsResult> next) =>
        (request, cancellationToken) => request.Services!.GetRequiredService<ToolList>().ListAsync(next, request, cancellationToken);

    /// <summary>Puts the list where it belongs.</summary>
    public static McpMessageHandler PutIn(McpMessageHandler next) => (context, cancellationToken) =>
    {
        if (context.JsonRpcMessage is JsonRpcResponse { Result: JsonObject result } response
            && response.Context?.Items?.TryGetValue(nameof(ToolList), out var written) == true && result["tools"] is JsonArray { Count: 0 })
        {
            result["tools"] = JsonValue.Create((Written)written!, Json);
        }

        return next(context, cancellationToken);
    };

    private async ValueTask<ListToolsResult> ListAsync(
        McpRequestHandler<ListToolsRequestParams, ListToolsResult> next, RequestContext<ListToolsRequestParams> request, CancellationToken cancellationToken)
    {
        var held = mcp.ToolListing == ToolListing.Granted ? Decision.Current(request.Services!).Caller.Scopes : null;
        var hidden = (request.Server.ServerOptions.ToolCollection ?? [])
            .Where(tool => !approved.IsUnchanged(tool) || (held is not null && !tool.Metadata.OfType<RequiresScopeAttribute>().All(needed => needed.Scopes.All(held.Contains))))
            .Select(tool => tool.ProtocolTool.Name).ToHashSet();
        if (hidden.Count > 0 || request.Params?.Cursor is not null)
        {
            var listed = await next(request, cancellationToken);
            listed.Tools = [.. listed.Tools.Where(tool => !hidden.Contains(tool.Name))];
            return listed;
        }

        var version = request.Server.NegotiatedProtocolVersion ?? "";
        if (!_written.TryGetValue(version, out var written))
        {
            var tools = (await next(request, cancellationToken)).Tools;
            _written[version] = written = new Written(JsonSerializer.SerializeToUtf8Bytes(JsonSerializer.SerializeToNode(tools, McpJsonUtilities.DefaultOptions), McpJsonUtilities.DefaultOptions));
        }

        request.Items[nameof(ToolList)] = written;
        return new ListToolsResult();
    }

    private sealed record Written(byte[] Json);

    private sealed class Writer : JsonConverter<Written>
    {
        public override Written Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Written value, JsonSerializerOptions options) => writer.WriteRawValue(value.Json, skipInputValidation: true);
    }
}
