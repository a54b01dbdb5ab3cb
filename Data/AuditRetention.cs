namespace McpFilesServer.Data;

/// <summary>Takes away records of the audit that are older than <c>Audit:Days</c>, a little at a time, so that no decision waits for it.</summary>
internal sealed class AuditRetention(AuditDatabase database, AuditOptions options, TimeProvider time, ILogger<AuditRetention> log) : BackgroundService
{
    private const int AtOnce = 5000;

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
