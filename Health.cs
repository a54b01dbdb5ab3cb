using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace McpFilesServer;

/// <summary>For whatever watches over the process. The answers are one word: healthy or not.</summary>
internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains("ready") });
    }
}
