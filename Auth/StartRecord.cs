namespace McpFilesServer.Auth;

/// <summary>
/// The first record of every run: what the server was started with. A server that cannot write it does not come up. The secrets of the settings are not in it, nor a
/// digest of them.
/// </summary>
internal sealed class StartRecord(
    Surface surface, McpOptions mcp, AuthOptions auth, OpenRequests open, IAudit audit, IHostEnvironment environment) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken) =>
        await audit.RecordAsync(Of("allow", "started") with { Detail = Settings() }, cancellationToken);

    /// <summary>Runs when no request is taken any more and those that were running have had their time.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        if (open.Count is > 0 and var running)
        {
            audit.Follow(Of("error", "calls_cut_off") with { Repeated = running });
        }

        return Task.CompletedTask;
    }

    private AuditRecord Of(string decision, string reason) => new() { Kind = "configuration", Decision = decision, Reason = reason, PolicyVersion = surface.PolicyVersion };

    private string Settings() => string.Join("; ",
        $"version {typeof(StartRecord).Assembly.GetName().Version}", environment.EnvironmentName, $"resource {mcp.Resource}",
        $"issuers {string.Join(' ', auth.Issuers.Select(issuer => $"{issuer.Authority} ({issuer.Profile}, {issuer.LifetimeLimit})"))}",
        $"clients {(auth.AllowedClients.Count == 0 ? "any" : string.Join(' ', auth.AllowedClients))}",
        $"baseline {mcp.BaselineScopes}", $"older clients {mcp.LegacyClients}", $"sessions {mcp.Sessions}", $"{surface.Operations.Count()} operations");
}
