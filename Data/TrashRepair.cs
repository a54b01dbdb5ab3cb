namespace McpFilesServer.Data;

/// <content>Disk and table are brought together again, after a crash or a failure between the two.</content>
internal sealed partial class Trash
{
    /// <summary>Brings everything to an end that was begun before the server stopped, and removes temporaries. Before anybody writes.</summary>
    public async Task RepairAsync(CancellationToken cancellationToken)
    {
        foreach (var row in await table.UnsettledAsync(cancellationToken))
        {
            await RepairAsync(row);
        }

        foreach (var slug in folders.Slugs)
        {
            var left = folders.Of(slug).SweepTemporaries();
            if (left.Count > 0 && left.Except(await table.IdsAsync(slug, cancellationToken)).Count() is > 0 and var unknown)
            {
                log.LogWarning("The trash of project {Project} holds {Count} things that are not in its table; they are left there", slug, unknown);
            }
        }
    }

    /// <summary>Asks the disk how far one change came. When it does not say, the next start asks again.</summary>
    public async Task RepairAsync(TrashRow row)
    {
        try
        {
            var folder = folders.Of(row.Slug);
            var kept = row.State == "purging" ? !folder.Purge(row.Id) : folder.Settle(row.Id, row.State == "arriving" && row.Staged is { } staged ? unchecked((ulong)staged) : null);
            await (!kept ? table.ForgetAsync(row.Id, null, CancellationToken.None)
                : row.State == "purging" ? Task.CompletedTask
                : table.SettleAsync(row.Id, null, CancellationToken.None));
        }
        catch (Exception e)
        {
            log.LogError(e, "What became of {Id} in the trash of project {Project} is not known; the next start will ask again", row.Id, row.Slug);
        }
    }

    /// <summary>Waits for the record of what has happened on the disk.</summary>
    /// <exception cref="ProblemException">It could not be written. The next start puts the trash in order; only the project's history lacks a line.</exception>
    public async Task RecordedAsync(Task record)
    {
        try
        {
            await record;
        }
        catch (Exception e)
        {
            log.LogError(e, "A change was made and could not be recorded");
            throw new ProblemException("The change was made, but the server could not record it. Tell its operator.", e);
        }
    }
}

/// <summary>At start: repairs the trash. From then on: removes what has been kept long enough, a little at a time.</summary>
internal sealed class TrashKeeper(Trash trash, TimeProvider time, ILogger<TrashKeeper> log) : BackgroundService
{
    private const int Batch = 200;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await trash.RepairAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await trash.ExpireAsync(Batch, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                log.LogError(e, "The trash could not be looked through; the next minute tries again");
            }
        }
    }
}
