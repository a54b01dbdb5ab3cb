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
            ?? Differs(request.Headers["Mcp-Name"], message.Target, "Mcp-Name");
    }

    private static Refusal? VersionFault(StringValues version, Envelope message, string[] served)
    {
        if (message.MetaVersion is { } meta && (version.Count > 0 || meta == Modern) && meta != version)
        {
            return Refusal.HeaderMismatch("The MCP-Protocol-Version header must be sent and equal the version in _meta.");
        }

        // A message that carries its version in itself has no use for one that takes a handshake.
        var retried = message.MetaVersion is null ? served : [Modern];
        var wanted = message.Method == RequestMethods.Initialize && message.MetaVersion != Modern ? message.Param("protocolVersion") ?? "" : null;
        if (wanted is not null && version.Count > 0 && wanted != version)
        {
            return Refusal.HeaderMismatch("The MCP-Protocol-Version header and the protocolVersion of initialize differ.");
        }

        // Without a header it is a client of before 2025-06-18, which knew none, or one that initializes and says its version in the body.
        var declared = version.Count > 0 ? version.ToString() : wanted ?? Legacy[^1];
        return served.Contains(declared) && !(wanted == Modern && version.Count == 0)
            ? null : Refusal.VersionNotServed(retried, declared.Length > 32 ? declared[..32] : declared);
    }

    private static Refusal? ModernFault(HttpRequest request, Envelope message)
    {
        if (request.Headers["Mcp-Method"].Count == 0)
        {
            return Refusal.HeaderMismatch("The Mcp-Method header is missing.");
        }

        if (message.Target is not null && request.Headers["Mcp-Name"].Count == 0)
        {
            return Refusal.HeaderMismatch("The Mcp-Name header is missing.");
        }

        // A notification has nobody to tell what it lacks.
        return message.IsRequest && !(message.MetaVersion is not null && message.DeclaresCapabilities)
            ? Refusal.InvalidParams($"Requests of this version carry {MetaKeys.ProtocolVersion} and {MetaKeys.ClientCapabilities} in params._meta.")
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
