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

    /// <summary>How long anybody waits for a record. After that it counts as not written, and what it was to record does not happen.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(8);

    private readonly AuditDatabase _database;
    private readonly AnonymousRecords _anonymous;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    /// <summary>Bounded, so that a disk that has stopped fills no memory: whoever finds no place waits until his deadline.</summary>
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(new BoundedChannelOptions(4096) { SingleReader = true });
    private readonly ITimer _minute;
    private readonly Task _writer;
    private long _lost;

    public Audit(AuditDatabase database, AuditOptions options, TimeProvider time, ILogger<Audit> log)
    {
        (_database, _anonymous, _time, _log) = (database, new AnonymousRecords(options.AnonymousPerMinute, time), time, log);
        _writer = Task.Run(WriteAllAsync);
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
        return await pending.Written!.Task.WaitAsync(Deadline, cancellationToken);
    }

    public void Follow(AuditRecord record)
    {
        if (!_queue.Writer.TryWrite(new Pending(record, Now, null)))
        {
            // What was decided is on record; how it went is lost, and that is said.
            Interlocked.Increment(ref _lost);
        }
    }

    /// <summary>Writes what is still there, then stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _minute.DisposeAsync();
        FollowAll(_anonymous.Counted(now: true));
        if (_queue.Writer.TryComplete())
        {
            await _writer;
            _database.Dispose();
        }
    }

    private string Now => Database.Text(_time.GetUtcNow());

    private void FollowAll(IEnumerable<AuditRecord> records)
    {
        foreach (var record in records)
        {
            Follow(record);
        }
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Pending>(MaxBatch);
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var pending))
            {
                batch.Add(pending);
            }

            if (Interlocked.Exchange(ref _lost, 0) is > 0 and var lost)
            {
                batch.Add(new Pending(new AuditRecord { Kind = "outcome", Decision = "error", Reason = "outcomes_lost", PolicyVersion = batch[0].Record.PolicyVersion, Repeated = lost }, Now, null));
            }

            try
            {
                var first = _database.Append(batch.Select(pending => AuditChain.Values(pending.Record, pending.RecordedAt)));
                for (var i = 0; i < batch.Count; i++)
                {
                    batch[i].Written?.SetResult(first + i);
                }
            }
            catch (Exception e)
            {
                _log.LogError(e, "The audit could not be written");
                batch.ForEach(pending => pending.Written?.SetException(e));
                Interlocked.Add(ref _lost, batch.Count(pending => pending.Written is null));
            }
        }
    }

    private sealed record Pending(AuditRecord Record, string RecordedAt, TaskCompletionSource<long>? Written);
}
