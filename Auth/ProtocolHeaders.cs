using Microsoft.Extensions.Primitives;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>
/// The headers that repeat parts of the body (MCP 2026-07-28, Streamable HTTP, "Server Validation"). They are for proxies; the
/// decision is made on the body, and a request whose headers say something else is refused, whatever its version.
/// </summary>
internal static class ProtocolHeaders
{
    /// <summary>The version whose requests stand alone, without initialize.</summary>
    public const string Modern = "2026-07-28";

    private static readonly string[] Legacy = ["2025-11-25", "2025-06-18", "2025-03-26"];

    /// <summary>Whether the request is of a client that speaks an initialize-based version; without a header it is.</summary>
    public static bool IsLegacy(HttpRequest request) => request.Headers["MCP-Protocol-Version"] != Modern;

    /// <summary>Checks version and headers against the body.</summary>
    public static Refusal? Check(HttpRequest request, Envelope message, bool legacyClients)
    {
        string[] served = legacyClients ? [Modern, .. Legacy] : [Modern];
        var version = request.Headers["MCP-Protocol-Version"];
        return VersionFault(version, message, served)
            ?? (IsLegacy(request) ? null : ModernFault(request, message))
            ?? Differs(request.Headers["Mcp-Method"], message.Method, "Mcp-Method")
            ?? Differs(request.Headers["Mcp-Name"], message.Param("name") ?? message.Param("uri"), "Mcp-Name");
    }

    private static Refusal? VersionFault(StringValues version, Envelope message, string[] served)
    {
        // Without a header it is a client of before 2025-06-18, which had none, or one that has not initialized yet.
        var declared = version.Count > 0 ? version.ToString()
            : message.Method == RequestMethods.Initialize ? message.Param("protocolVersion") ?? "" : served[^1];
        if (message.MetaVersion is { } meta && (version.Count > 0 || meta == Modern) && meta != version)
        {
            return Refusal.HeaderMismatch("The MCP-Protocol-Version header must be sent and equal the version in _meta.");
        }

        if (message.Method == RequestMethods.Initialize && version.Count > 0 && message.Param("protocolVersion") is { } wanted && wanted != version)
        {
            return Refusal.HeaderMismatch("The MCP-Protocol-Version header and the protocolVersion of initialize differ.");
        }

        // An initialize may ask for a version that nobody knows, and is offered one that is served; a request may not use one.
        var negotiable = version.Count == 0 && message.Method == RequestMethods.Initialize && served.Length > 1
            && string.CompareOrdinal(declared, served[^1]) >= 0;
        return served.Contains(declared) && (served.Length > 1 || version.Count > 0) || negotiable
            ? null : Refusal.VersionNotServed(served, declared.Length > 32 ? declared[..32] : declared);
    }

    private static Refusal? ModernFault(HttpRequest request, Envelope message)
    {
        if (request.Headers["Mcp-Method"].Count == 0)
        {
            return Refusal.HeaderMismatch("The Mcp-Method header is missing.");
        }

        if (message.Method is RequestMethods.ToolsCall or RequestMethods.PromptsGet or RequestMethods.ResourcesRead
            && request.Headers["Mcp-Name"].Count == 0)
        {
            return Refusal.HeaderMismatch("The Mcp-Name header is missing.");
        }

        // A notification has nobody to tell what it lacks.
        return message.IsRequest && !(message.MetaVersion is not null && message.DeclaresCapabilities)
            ? Refusal.MetaMissing($"Requests of this version carry {MetaKeys.ProtocolVersion} and {MetaKeys.ClientCapabilities} in params._meta.")
            : null;
    }

    private static Refusal? Differs(StringValues header, string? body, string name) => header switch
    {
        { Count: 0 } => null,
        // Non-ASCII names come as =?base64?…?= and only so.
        [{ } value] when value.All(c => c is '\t' or (>= ' ' and <= '~')) && body is not null
            && McpHeaderEncoder.DecodeValue(value.Trim(' ', '\t')) == body => null,
        _ => Refusal.HeaderMismatch($"The {name} header and the body differ."),
    };
}
