using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpFilesServer;

/// <summary>Whether the server can do its work. Anybody may ask, so that the checks run once at a time and once a second at most, however many do.</summary>
internal sealed class Readiness(HealthCheckService checks, IHostApplicationLifetime lifetime, TimeProvider time)
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

        return !lifetime.ApplicationStopping.IsCancellationRequested && await Task.WhenAny(check, Task.Delay(Longest, time)) == check && await check;
    }

    private async Task<bool> CheckAsync() => (await checks.CheckHealthAsync(check => check.Tags.Contains("ready"))).Status == HealthStatus.Healthy;
}
