using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>
/// Reads the whole chain and says where it is not what was written: a record that was changed, put in, taken out, moved or doubled, and a tail that was cut off.
/// It reads beside a running server.
/// </summary>
internal sealed class AuditVerification(string file, string anchor)
{
    private static readonly string All = $"select sequence, hash, {string.Join(", ", AuditChain.Columns)} from audit where sequence > @start order by sequence";

    /// <summary>What is wrong, a line for each; empty when the chain is whole.</summary>
    /// <param name="head">The last record.</param>
    /// <param name="count">How many records were read.</param>
    public IReadOnlyList<string> Problems(out Link head, out long count)
    {
        var problems = new List<string>();
        // The anchor before the database, which may grow meanwhile: it is never behind.
        using var anchorFile = new AuditAnchor(anchor);
        var anchored = anchorFile.Read();
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly }.ToString());
        connection.Open();
        using var transaction = connection.BeginTransaction(deferred: true);
        head = Start(connection, transaction);
        count = 0;
        var (pruned, start) = (0L, head);
        using var reader = connection.ExecuteReader(All, new { start = head.Sequence }, transaction);
        while (reader.Read())
        {
            var (sequence, hash) = (reader.GetInt64(0), reader.IsDBNull(1) ? "" : reader.GetString(1));
            var values = Enumerable.Range(2, AuditChain.Columns.Count).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i)).ToArray();
            if (sequence != head.Sequence + 1)
            {
                problems.Add(sequence == head.Sequence + 2 ? $"Record {head.Sequence + 1} is missing." : $"Records {head.Sequence + 1} to {sequence - 1} are missing.");
            }
            else if (!Matches(head, sequence, values, hash))
            {
                problems.Add($"Record {sequence} is not what was written there: it was changed, moved, or put in.");
            }

            pruned = values[3] as string == "audit_pruned" && values[16] is long through ? Math.Max(pruned, through) : pruned;
            problems.AddRange(anchored is { } link && link.Sequence == sequence && link.Hash != hash ? [$"Record {sequence} is not the one that the anchor names."] : []);
            (head, count) = (new Link(sequence, hash), count + 1);
        }

        // Until retention has taken something away, the chain begins with nothing before it.
        if (pruned != start.Sequence && (pruned > 0 || start.Hash.Trim('0').Length > 0))
        {
            problems.Add($"The chain begins after record {start.Sequence}, and retention took away those up to {pruned}.");
        }

        problems.AddRange(anchored switch
        {
            null => [$"The anchor is missing or is no anchor: whether the end of the chain was cut off cannot be said."],
            { } link when link.Sequence > head.Sequence => [$"Records {head.Sequence + 1} to {link.Sequence} are missing: the anchor names the last one."],
            _ => [],
        });
        return problems;
    }

    /// <summary>All records as JSON, one a line, with the names of the columns.</summary>
    public IEnumerable<string> Export()
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly }.ToString());
        connection.Open();
        using var reader = connection.ExecuteReader(All, new { start = -1 });
        while (reader.Read())
        {
            yield return JsonSerializer.Serialize(Enumerable.Range(0, reader.FieldCount).Where(i => !reader.IsDBNull(i)).ToDictionary(reader.GetName, reader.GetValue));
        }
    }

    private static bool Matches(Link previous, long sequence, object?[] values, string hash) =>
        values.All(value => value is null or string or long) && string.Equals(AuditChain.Hash(previous.Hash, sequence, values), hash, StringComparison.Ordinal);

    private static Link Start(SqliteConnection connection, SqliteTransaction transaction) =>
        connection.QuerySingle<(long Sequence, string Hash)>("select sequence, hash from audit_start", transaction: transaction) is var (sequence, hash) ? new Link(sequence, hash) : default;
}
