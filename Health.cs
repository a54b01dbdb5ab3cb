using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace McpFilesServer;

/// <summary>For whatever watches over the process. The answers are one word: healthy or not.</summary>
internal static class Health
{
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks(Live, new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks(Ready, new HealthCheckOptions { Predicate = check => check.Tags.Contains("ready") });
    }
}
