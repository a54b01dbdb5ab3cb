using System.Threading.Channels;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>
/// The audit on disk. One writer takes what has come in while it was writing and commits it together, so that a caller waits for the commit of his
/// batch and not for everybody's one after the other. A record is durable when <see cref="RecordAsync"/> returns.
/// </summary>
internal sealed class Audit : IAudit, IAsyncDisposable
{
    private const int MaxBatch = 256;

    /// <summary>How many records that nobody waits for wait themselves, for the next commit or, while the disk takes none, for another try.</summary>
    private const int MaxKept = 4096;

    /// <summary>How long anybody waits for a record. After that it counts as not written, and what it was to record does not happen.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(8);

    /// <summary>What nobody waits for goes with the next commit of what somebody waits for; when there is none for so long, it has one of its own.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(0.1);

    /// <summary>Between two tries when the disk takes none.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly AuditDatabase _database;
    private readonly AnonymousRecords _anonymous;
    private readonly TimeProvider _time;
    private readonly AuditMetrics _metrics;
    private readonly ILogger _log;

    /// <summary>Bounded, so that a disk that has stopped fills no memory: whoever finds no place waits until his deadline.</summary>
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(new BoundedChannelOptions(4096) { SingleReader = true });
    private readonly Channel<Pending> _following = Channel.CreateBounded<Pending>(new BoundedChannelOptions(MaxKept) { SingleReader = true });
    private readonly ITimer _minute;
    private readonly ITimer _nudge;
    private readonly Thread _writer;
    private long _lost;
    private int _nudged;

    public Audit(AuditDatabase database, AuditOptions options, AuditMetrics metrics, TimeProvider time, ILogger<Audit> log)
    {
        (_database, _anonymous, _metrics, _time, _log) = (database, new AnonymousRecords(options.AnonymousPerMinute, time), metrics, time, log);
        metrics.Observe(() => _queue.Reader.Count + _following.Reader.Count);
        _nudge = time.CreateTimer(_ => Wake(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // A thread of its own: it spends its time waiting for the disk, and must not do so in a place of those that serve requests.
        _writer = new Thread(WriteAll) { IsBackground = true, Name = "Audit" };
        _writer.Start();
        _minute = time.CreateTimer(_ => FollowAll(_anonymous.Counted()), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10));
    }

    public async Task<long> RecordAsync(AuditRecord record, CancellationToken cancellationToken)
    {
        if (record.Issuer is null && record.Kind == "decision" && !_anonymous.Admits(record))
        {
            return 0;
        }

        var pending = new Pending(record, Now, new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));
        await _queue.Writer.WriteAsync(pending, cancellationToken).AsTask().WaitAsync(Deadline, cancellationToken);
        try
        {
            return await pending.Written!.Task.WaitAsync(Deadline, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && record.Kind == "decision" && record.Decision == "allow")
        {
            // Refused, because nobody waits any longer. If it is written after all, it must not look as if it had been let through.
            _ = pending.Written!.Task.ContinueWith(written => Follow(GivenUp(record, written.Result)), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    public void Follow(AuditRecord record)
    {
        if (!_following.Writer.TryWrite(new Pending(record, Now, null)))
        {
            // What was decided is on record; how it went is lost, and that is said.
            Interlocked.Increment(ref _lost);
        }

        Nudge(Linger);
    }

    /// <summary>
    /// Writes all that is still there, and that the server ends in order: a run without this record was broken off, and what it had let through and has no outcome may be
    /// half done.
    /// </summary>
    /// <returns>The last record.</returns>
    public async Task<Link> EndAsync(CancellationToken cancellationToken)
    {
        FollowAll(_anonymous.Counted(now: true));
        await RecordAsync(new AuditRecord { Kind = "configuration", Decision = "allow", Reason = "stopped", PolicyVersion = "" }, cancellationToken);
        return _database.Head;
    }

    /// <summary>Writes what is still there, then stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _minute.DisposeAsync();
        FollowAll(_anonymous.Counted(now: true));
        await _nudge.DisposeAsync();
        if (_queue.Writer.TryComplete())
        {
            _writer.Join();
            _database.Dispose();
        }
    }

    private static AuditRecord GivenUp(AuditRecord record, long number) => new()
    {
        Kind = "outcome",
        Decision = "failed",
        Reason = "given_up",
        PolicyVersion = record.PolicyVersion,
        TraceId = record.TraceId,
        Method = record.Method,
        Target = record.Target,
        About = number,
    };

    private string Now => Database.Text(_time.GetUtcNow());

    private void FollowAll(IEnumerable<AuditRecord> records)
    {
        foreach (var record in records)
        {
            Follow(record);
        }
    }

    private void Nudge(TimeSpan after)
    {
        if (Interlocked.Exchange(ref _nudged, 1) == 0)
        {
            _nudge.Change(after, Timeout.InfiniteTimeSpan);
        }
    }

    private void Wake()
    {
        Volatile.Write(ref _nudged, 0);
        // When there is no place, the writer has enough to do, and takes along what follows.
        _queue.Writer.TryWrite(Pending.Nothing);
    }

    private void WriteAll()
    {
        var batch = new List<Pending>(MaxBatch);
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            // Who is about to record something as well comes first, so that a commit is for many when there are many, and at once when there are few.
            Thread.Yield();
            Collect(batch);
            Write(batch);
        }

        Collect(batch);
        Write(batch);
        if (batch.Count > 0)
        {
            _log.LogError("The server ends, and {Count} outcomes could not be written to the audit", batch.Count);
        }
    }

    /// <summary>Adds what came in to what was kept. What follows goes first, because it is about what was written before.</summary>
    private void Collect(List<Pending> batch)
    {
        while (_following.Reader.TryRead(out var pending))
        {
            batch.Add(pending);
        }

        if (Interlocked.Exchange(ref _lost, 0) is > 0 and var lost)
        {
            batch.Add(new Pending(new AuditRecord { Kind = "outcome", Decision = "error", Reason = "outcomes_lost", PolicyVersion = "", Repeated = lost }, Now, null));
        }

        for (var i = 0; i < MaxBatch && _queue.Reader.TryRead(out var pending); i++)
        {
            if (!ReferenceEquals(pending, Pending.Nothing))
            {
                batch.Add(pending);
            }
        }
    }

    /// <summary>Writes all or none. Of what could not be written, whoever waits is told; what nobody waits for stays in the list for another try.</summary>
    private void Write(List<Pending> batch)
    {
        if (batch.Count == 0)
        {
            return;
        }

        var began = _time.GetTimestamp();
        try
        {
            var first = _database.Append(batch.Select(pending => AuditChain.Values(pending.Record, pending.RecordedAt)));
            _metrics.Written(batch.Select(pending => pending.Record), _time.GetElapsedTime(began));
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].Written?.SetResult(first + i);
            }

            batch.Clear();
        }
        catch (Exception e)
        {
            _log.LogError(e, "The audit could not be written");
            _metrics.Failed(batch.Count);
            batch.ForEach(pending => pending.Written?.SetException(e));
            batch.RemoveAll(pending => pending.Written is not null);
            if (batch.Count > MaxKept)
            {
                Interlocked.Add(ref _lost, batch.Count - MaxKept);
                batch.RemoveRange(MaxKept, batch.Count - MaxKept);
            }

            if (batch.Count > 0)
            {
                Nudge(Pause);
            }
        }
    }

    private sealed record Pending(AuditRecord Record, string RecordedAt, TaskCompletionSource<long>? Written)
    {
        /// <summary>Only to wake the writer.</summary>
        public static readonly Pending Nothing = new(null!, "", null);
    }
}
