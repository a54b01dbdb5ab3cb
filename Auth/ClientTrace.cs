using System.Diagnostics;

namespace McpFilesServer.Auth;

/// <summary>
/// The trace that a client says its request is part of (W3C Trace Context; MCP carries it in <c>_meta</c>, HTTP in a header). It is a stranger's word: it is recorded and linked
/// beside the server's own trace, never continued, so that no client joins another's trace or decides what is sampled. <c>tracestate</c> and <c>baggage</c> are free
/// text of the client; they are accepted, go nowhere, and are looked at by nobody.
/// </summary>
internal static class ClientTrace
{
    /// <summary>The one form there is: <c>00-trace-parent-flags</c>, in lower case.</summary>
    private const int Length = 55;

    /// <summary>The context that the message names, or the header; null when neither has the form of one.</summary>
    public static ActivityContext? Of(HttpRequest request, Envelope? message) => Read(message?.TraceParent) ?? Read(request.Headers.TraceParent);

    private static ActivityContext? Read(string? text) =>
        text is { Length: Length } && text.StartsWith("00-", StringComparison.Ordinal) && ActivityContext.TryParse(text, null, isRemote: true, out var context) ? context : null;
}
