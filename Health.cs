using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace McpFilesServer;

/// <summary>
/// For whatever watches over the process. Live: it answers. Ready: the databases and the projects' folder take writes, there are keys to check tokens with, and it is not
/// being stopped. The answers are one word: healthy or not.
/// </summary>
internal static class Health
{
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";

    public static void AddHealth(this WebApplicationBuilder builder) => builder.Services.AddSingleton<Readiness>();

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks(Live, new HealthCheckOptions { Predicate = _ => false });
        var readiness = app.Services.GetRequiredService<Readiness>();
        app.Map(Ready, async context =>
        {
            var ready = await readiness.IsReadyAsync();
            context.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.CacheControl = "no-store";
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync(ready ? "Healthy" : "Unhealthy", context.RequestAborted);
        });
    }
}
