using McpFilesServer.Tests.Host;

namespace McpFilesServer.Tests.EndToEnd;

internal static class Decisions
{
    /// <summary>The tool calls of one client in the order of the audit, and how each was decided. Other tests use the same server.</summary>
    public static IEnumerable<(string Tool, string Decision)> DecisionsOn(this Server server, string client) =>
        from row in server.AuditRows()
        where row.GetProperty("client").GetString() == client && row.GetProperty("method").GetString() == "tools/call"
        select (row.GetProperty("target").GetString()!, row.GetProperty("decision").GetString()!);
}
