using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Authentication;

namespace McpFilesServer.Auth;

/// <summary>
/// The protected resource metadata (RFC 9728): where to get a token for this server, and with which scopes to begin. Made from the
/// settings once, so that no Host header and no path suffix can put anything into it.
/// </summary>
internal static class ResourceMetadata
{
    public static void MapResourceMetadata(this WebApplication app)
    {
        var mcp = app.Services.GetRequiredService<McpOptions>();
        var auth = app.Services.GetRequiredService<AuthOptions>();
        var document = JsonSerializer.SerializeToUtf8Bytes(
            new ProtectedResourceMetadata
            {
                Resource = mcp.Resource,
                AuthorizationServers = [.. auth.Issuers.Select(issuer => issuer.Authority)],
                ScopesSupported = [.. auth.Prefixed(mcp.BaselineScopes, null).Split(' ')],
                BearerMethodsSupported = ["header"],
                ResourceName = "McpFilesServer",
            },
            McpJsonUtilities.DefaultOptions);
        app.MapGet(mcp.MetadataPath, () => Results.Bytes(document, "application/json"));
    }
}
