namespace McpFilesServer.Data;

/// <summary>
/// While the server runs: takes away records of the audit that are older than <c>Audit:Days</c>, a little at a time, so that no decision waits for it. When it stops: says
/// where the chain ends, for a log that is kept elsewhere.
/// </summary>
internal sealed class AuditKeeper(Audit audit, AuditDatabase database, AuditOptions options, TimeProvider time, ILogger<AuditKeeper> log) : BackgroundService, IHostedLifecycleService
{
    private const int AtOnce = 5000;

    private readonly Lock _gate = new();
    private Task? _end;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// After everything else has stopped, so that nothing comes after it. It has a deadline of its own: that of the host may have been used up by calls that ran on. Who stops a
    /// host that is being stopped waits for the same end.
    /// </summary>
    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _end ??= EndAsync();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(10), time);
        while (options.Days > 0 && await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var now = time.GetUtcNow();
                _ = database.Prune(Database.Text(now - TimeSpan.FromDays(options.Days)), AtOnce, Database.Text(now));
            }
            catch (Microsoft.Data.Sqlite.SqliteException e)
            {
                log.LogWarning(e, "The audit could not be pruned; it is tried again");
            }
        }
    }

    private async Task EndAsync()
    {
        try
        {
            var head = await audit.EndAsync(CancellationToken.None);
            log.LogInformation("The audit ends at record {Sequence} with the hash {Hash}", head.Sequence, head.Hash);
        }
        catch (Exception e)
        {
            log.LogError(e, "The audit cannot be written; its last record is {Sequence} with the hash {Hash}", database.Head.Sequence, database.Head.Hash);
        }
    }
}
