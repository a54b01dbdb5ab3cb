using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Says of a tool that nothing in its results was written by a person or comes out of a file or another server, so that they need no mark.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OwnWordsAttribute : Attribute;

/// <summary>
/// Marks results as what they are: data that others have written, which a model must not take for instructions. Every result of a tool, resource, prompt or
/// completion has the mark in its <c>_meta</c>, unless the tool declares <see cref="OwnWordsAttribute"/>; so nobody can forget it. A failure is one sentence of
/// this server and has none. It is a mark, not a defence: what a model can be talked into is limited by scopes and membership.
/// </summary>
internal static class Untrusted
{
    /// <summary>The key in <c>_meta</c>; its value is true.</summary>
    public const string Key = "mcp-files-server/untrusted";

    /// <summary>A new <c>_meta</c> with the mark, for what is inside of a result.</summary>
    public static JsonObject Meta() => new() { [Key] = true };

    public static McpRequestHandler<CallToolRequestParams, CallToolResult> Tools(McpRequestHandler<CallToolRequestParams, CallToolResult> next) =>
        async (request, cancellationToken) =>
        {
            var result = await next(request, cancellationToken);
            return result.IsError == true || request.MatchedPrimitive?.Metadata.OfType<OwnWordsAttribute>().Any() == true ? result : Mark(result);
        };

    /// <summary>For what has no declarations of its own.</summary>
    public static McpRequestHandler<TParams, TResult> All<TParams, TResult>(McpRequestHandler<TParams, TResult> next) where TResult : Result =>
        async (request, cancellationToken) => Mark(await next(request, cancellationToken));

    private static T Mark<T>(T result) where T : Result
    {
        (result.Meta ??= [])[Key] = JsonValue.Create(true);
        return result;
    }
}
