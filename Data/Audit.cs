using System.Threading.Channels;
using Dapper;
using McpFilesServer.Auth;
using Microsoft.Data.Sqlite;

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

    private const string Insert =
        """
        insert into audit (recorded_at, kind, decision, reason, policy_version, trace_id, address, issuer, subject, client, token_id,
                           method, target, arguments_digest, scopes_needed, scopes_held)
        values (@RecordedAt, @Kind, @Decision, @Reason, @PolicyVersion, @TraceId, @Address, @Issuer, @Subject, @Client, @TokenId,
                @Method, @Target, @ArgumentsDigest, @ScopesNeeded, @ScopesHeld)
        """;

    private readonly Database _database;
    private readonly TimeProvider _time;

    /// <summary>Bounded, so that a disk that has stopped fills no memory: whoever finds no place waits until his deadline.</summary>
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(new BoundedChannelOptions(4096) { SingleReader = true });
    private readonly Task _writer;

    public Audit(Database database, TimeProvider time)
    {
        (_database, _time) = (database, time);
        _writer = Task.Run(WriteAllAsync);
    }

    public async Task RecordAsync(AuditRecord record, CancellationToken cancellationToken)
    {
        var pending = new Pending(record, Database.Text(_time.GetUtcNow()), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await _queue.Writer.WriteAsync(pending, cancellationToken).AsTask().WaitAsync(Deadline, cancellationToken);
        await pending.Written.Task.WaitAsync(Deadline, cancellationToken);
    }

    /// <summary>Writes what is still there, then stops.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writer;
    }

    private async Task WriteAllAsync()
    {
        SqliteConnection? connection = null;
        var batch = new List<Pending>(MaxBatch);
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var pending))
            {
                batch.Add(pending);
            }

            try
            {
                connection ??= await OpenAsync();
                Write(connection, batch);
                batch.ForEach(pending => pending.Written.SetResult());
            }
            catch (Exception e)
            {
                batch.ForEach(pending => pending.Written.SetException(e));
                connection?.Dispose();
                connection = null;
            }
        }

        connection?.Dispose();
    }

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = await _database.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync("pragma synchronous = full");
        return connection;
    }

    private static void Write(SqliteConnection connection, List<Pending> batch)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute(Insert, batch.Select(pending => Row(pending.Record, pending.RecordedAt)), transaction);
        transaction.Commit();
    }

    private static object Row(AuditRecord record, string recordedAt) => new
    {
        RecordedAt = recordedAt,
        record.Kind,
        record.Decision,
        record.Reason,
        record.PolicyVersion,
        record.TraceId,
        record.Address,
        record.Issuer,
        record.Subject,
        record.Client,
        record.TokenId,
        record.Method,
        record.Target,
        record.ArgumentsDigest,
        record.ScopesNeeded,
        record.ScopesHeld,
    };

    private sealed record Pending(AuditRecord Record, string RecordedAt, TaskCompletionSource Written);
}
