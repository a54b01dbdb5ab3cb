namespace McpFilesServer.Data;

/// <summary>
/// While the server runs: takes away records of the audit that are older than <c>Audit:Days</c>, a little at a time, so that no decision waits for it. When it stops: says
/// where the chain ends, for a log that is kept elsewhere.
/// </summary>
internal sealed class AuditKeeper(AuditDatabase database, AuditOptions options, TimeProvider time, ILogger<AuditKeeper> log) : BackgroundService
{
    private const int AtOnce = 5000;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        log.LogInformation("The audit ends at record {Sequence} with the hash {Hash}", database.Head.Sequence, database.Head.Hash);
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
}
