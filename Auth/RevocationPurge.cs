namespace McpFilesServer.Auth;

/// <summary>Removes revocations that cannot matter any more, because every token that they are about has expired. In small batches, so that no writer waits long.</summary>
internal sealed class RevocationPurge(IRevocations revocations, AuthOptions auth, TimeProvider time, ILogger<RevocationPurge> log) : BackgroundService
{
    private const int Batch = 1000;

    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);

    /// <summary>Removes all that is due.</summary>
    public async Task PurgeAsync(CancellationToken cancellationToken)
    {
        while (await revocations.PurgeAsync(time.GetUtcNow() - auth.LongestUse, Batch, cancellationToken) == Batch)
        {
            await Task.Delay(Breath, time, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            try
            {
                await PurgeAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogWarning(e, "Revocations could not be purged; the next try is in {Period}", Period);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
