using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpFilesServer;

/// <summary>
/// For whatever watches over the process. Live: it answers. Ready: the databases and the projects' folder take writes, there are keys to check tokens with, and it is not
/// being stopped. The answers are one word: healthy or not.
/// </summary>
internal static class Health
{
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks(Live, new HealthCheckOptions { Predicate = _ => false });
        var readiness = new Readiness(app.Services.GetRequiredService<HealthCheckService>(), app.Lifetime, app.Services.GetRequiredService<TimeProvider>());
        app.Map(Ready, async context =>
        {
            var ready = await readiness.IsReadyAsync();
            context.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.CacheControl = "no-store";
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync(ready ? "Healthy" : "Unhealthy", context.RequestAborted);
        });
    }

    /// <summary>Anybody may ask, so that the checks run once at a time and once a second at most, however many do.</summary>
    private sealed class Readiness(HealthCheckService checks, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

        /// <summary>A disk that hangs is not ready; the check goes on by itself, and no second one is begun beside it.</summary>
        private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

        private readonly Lock _gate = new();
        private Task<bool>? _check;
        private long _began;

        public async Task<bool> IsReadyAsync()
        {
            Task<bool> check;
            lock (_gate)
            {
                if (_check is null || (_check.IsCompleted && time.GetElapsedTime(_began) >= Fresh))
                {
                    _began = time.GetTimestamp();
                    _check = Task.Run(CheckAsync);
                }

                check = _check;
            }

            return !lifetime.ApplicationStopping.IsCancellationRequested && await Task.WhenAny(check, Task.Delay(Longest)) == check && await check;
        }

        private async Task<bool> CheckAsync() => (await checks.CheckHealthAsync(check => check.Tags.Contains("ready"))).Status == HealthStatus.Healthy;
    }
}
