using Dapper;
using McpFilesServer.Auth;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>
/// The database file of the audit, and its anchor. Records are appended in transactions that are on the disk when they return (synchronous = full). The head is
/// read in the transaction, because a command of the operator may append beside the server.
/// </summary>
internal sealed class AuditDatabase : IDisposable
{
    private const string TailMissing = "audit_tail_missing";

    private static readonly string InsertText =
        $"insert into audit (sequence, {string.Join(", ", AuditChain.Columns)}, hash) values ($sequence, {string.Join(", ", AuditChain.Columns.Select(column => "$" + column))}, $hash)";

    private readonly Database _database;
    private readonly AuditAnchor _anchor;
    private Writer? _writer;

    /// <param name="database">The database file.</param>
    /// <param name="anchor">The anchor; it is disposed with this.</param>
    /// <param name="time">For the record of a tail that is missing.</param>
    public AuditDatabase(Database database, AuditAnchor anchor, TimeProvider time)
    {
        (_database, _anchor) = (database, anchor);
        ContinueFromAnchor(time);
    }

    /// <summary>The last record that was appended here.</summary>
    public Link Head { get; private set; }

    /// <summary>Appends records, all or none, and waits until they are on the disk.</summary>
    /// <returns>The number of the first.</returns>
    public long Append(IEnumerable<object?[]> records) => Append(records, null);

    private long Append(IEnumerable<object?[]> records, Link? after)
    {
        try
        {
            _writer ??= new Writer(_database);
            _writer.Begin();
            var head = after ?? _writer.ReadHead();
            Insert(_writer, head, records);
            return head.Sequence + 1;
        }
        catch
        {
            // What had begun ends with its connection.
            _writer?.Dispose();
            _writer = null;
            throw;
        }
    }

    /// <summary>
    /// Takes away the oldest records, at most <paramref name="max"/>, of those that retention does not want any more, and records that: the chain then begins after them.
    /// </summary>
    /// <returns>How many were taken away.</returns>
    public int Prune(string before, int max, string now)
    {
        using var writer = new Writer(_database);
        var connection = writer.Connection;
        writer.Begin();
        // By the number of the first that stays: a clock that was set back must not take away what came after.
        var last = connection.QuerySingleOrDefault<(long Sequence, string Hash)?>(
            """
            select sequence, hash from audit
            where hash is not null
              and sequence < coalesce((select min(sequence) from audit where recorded_at >= @before), (select max(sequence) from audit))
              and sequence <= (select sequence from audit_start) + @max
            order by sequence desc limit 1
            """, new { before, max });
        if (last is not var (sequence, hash))
        {
            return 0;
        }

        var removed = connection.Execute("delete from audit where sequence <= @sequence", new { sequence });
        connection.Execute("update audit_start set sequence = @sequence, hash = @hash", new { sequence, hash });
        var record = new AuditRecord { Kind = "configuration", Decision = "allow", Reason = "audit_pruned", PolicyVersion = "", Repeated = removed, About = sequence };
        Insert(writer, writer.ReadHead(), [AuditChain.Values(record, now)]);
        return removed;
    }

    /// <summary>Whether it takes a write.</summary>
    public Task<bool> TakesWritesAsync(CancellationToken cancellationToken) => _database.TakesWritesAsync(cancellationToken);

    public void Dispose()
    {
        _writer?.Dispose();
        _anchor.Dispose();
    }

    private void Insert(Writer writer, Link head, IEnumerable<object?[]> records)
    {
        foreach (var values in records)
        {
            head = new Link(head.Sequence + 1, AuditChain.Hash(head.Hash, head.Sequence + 1, values));
            writer.Insert(head, values);
        }

        writer.Commit();
        Head = head;
        _anchor.Write(head);
    }

    // A tail that was cut off must not be covered by new records under its old numbers: the chain goes on from the anchor, and the gap stays for all to see.
    private void ContinueFromAnchor(TimeProvider time)
    {
        var anchored = _anchor.Read();
        using (var writer = new Writer(_database))
        {
            Head = writer.ReadHead();
        }

        if (anchored is { } link && link.Sequence > Head.Sequence)
        {
            var record = new AuditRecord { Kind = "configuration", Decision = "error", Reason = TailMissing, PolicyVersion = "", Detail = $"records {Head.Sequence + 1} to {link.Sequence}" };
            Append([AuditChain.Values(record, Database.Text(time.GetUtcNow()))], after: link);
        }
    }

    /// <summary>A connection with the commands of every commit, planned once: to plan them takes SQLite longer than to carry them out.</summary>
    private sealed class Writer : IDisposable
    {
        // The last record, or the place where the chain begins.
        private const string HeadText =
            """
            select sequence, hash from (
              select 1 as rank, sequence, hash from (select sequence, hash from audit where hash is not null order by sequence desc limit 1)
              union all select 2, sequence, hash from audit_start)
            order by rank limit 1
            """;

        private readonly Statement _begin;
        private readonly Statement _head;
        private readonly Statement _insert;
        private readonly Statement _commit;

        public Writer(Database database)
        {
            // Another process, a command of the operator, may be writing: it is waited for as long as for any other write.
            Connection = database.OpenAlone($"pragma synchronous = full; pragma busy_timeout = {Database.Patience}000");
            _begin = new Statement(Connection, "begin immediate");
            _head = new Statement(Connection, HeadText);
            _insert = new Statement(Connection, InsertText, ["$sequence", .. AuditChain.Columns.Select(column => "$" + column), "$hash"]);
            _commit = new Statement(Connection, "commit");
        }

        public SqliteConnection Connection { get; }

        /// <summary>Begins a transaction. It ends with <see cref="Commit"/>, or undone with the connection.</summary>
        public void Begin() => Do(_begin);

        public void Commit() => Do(_commit);

        public Link ReadHead()
        {
            var head = _head.Step() ? new Link(_head.Number(0), _head.Text(1)) : throw new InvalidOperationException("The audit does not say where it begins.");
            _head.Reset();
            return head;
        }

        public void Insert(Link link, object?[] values)
        {
            _insert.Bind(0, link.Sequence);
            for (var i = 0; i < values.Length; i++)
            {
                _insert.Bind(i + 1, values[i]);
            }

            _insert.Bind(values.Length + 1, link.Hash);
            Do(_insert);
        }

        public void Dispose()
        {
            _begin.Dispose();
            _head.Dispose();
            _insert.Dispose();
            _commit.Dispose();
            Connection.Dispose();
        }

        private static void Do(Statement statement)
        {
            statement.Step();
            statement.Reset();
        }
    }
}
