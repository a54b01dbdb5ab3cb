using System.Globalization;
using System.Net;
using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Bench;

/// <summary>Whether a read costs more in a server that has been in use for long: with a million records in the audit, with ten thousand projects, with two hundred tools.</summary>
internal static class GrowthScenario
{
    private const string Records =
        """
        with recursive n (i) as (select 1 union all select i + 1 from n where i < @count)
        insert into audit (recorded_at, kind, decision, reason, policy_version, issuer, subject, client, token_id, method, target, arguments_digest, scopes_needed, scopes_held, hash)
        select '2026-01-01T00:00:00.000Z', 'decision', 'allow', 'scopes_held', 'bench', 'https://issuer.example', hex(randomblob(8)), 'bench', hex(randomblob(16)), 'tools/call', 'read_text_file',
               lower(hex(randomblob(32))), 'files:read', 'files:read', lower(hex(randomblob(32)))
        from n
        """;

    private const string Projects =
        """
        with recursive n (i) as (select 1 union all select i + 1 from n where i < @count)
        insert into project (id, slug, title, created_at) select 'bench' || i, 'bench-' || i, 'Bench ' || i, '2026-01-01T00:00:00.000Z' from n;
        insert into member (project_id, issuer, subject, name, role, added_at)
        select id, @issuer, 'somebody', 'somebody', 'owner', created_at from project where id like 'bench%';
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        var turns = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var small = await BenchServer.StartAsync(issuer);
        await using var records = await BenchServer.StartAsync(issuer);
        await using var projects = await BenchServer.StartAsync(issuer);
        await using var few = await BenchServer.StartHostedAsync(issuer, "0");
        await using var many = await BenchServer.StartHostedAsync(issuer, "180");
        var (_, arguments) = await ReadingScenario.FillAsync(issuer, small, records, projects, few, many);
        await FillAsync(records, "audit.db", Records, new { count = 1_000_000 });
        await FillAsync(projects, "server.db", Projects, new { count = 10_000, issuer = issuer.Authority });

        Console.WriteLine($"{Environment.ProcessorCount} processors, {turns} interleaved turns, 4 KiB reads, 16 at once, medians");
        Console.WriteLine("| call | server | calls a second | beside | ratio |");
        Console.WriteLine("|---|---|---|---|---|");
        await CallsScenario.CompareAsync("read", turns, 16, ("10 records", () => Read(small, 0)), ("1,000,000 records", () => Read(records, 1)), ("10,000 projects", () => Read(projects, 2)));
        await CallsScenario.CompareAsync("read", turns, 16, ("as many tools as there are", () => Read(few, 3)), ("180 more", () => Read(many, 4)));
        return 0;

        (BenchServer, byte[], HttpStatusCode) Read(BenchServer server, int index) =>
            (server, server.Call(issuer.Token(server.Resource, "files:read"), "read_text_file", arguments[index]), HttpStatusCode.OK);
    }

    private static async Task FillAsync(BenchServer server, string database, string fill, object values)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, database)};Pooling=False");
        await connection.ExecuteAsync(fill, values);
        // The write-ahead log of a filling is nothing that a running server has.
        await connection.ExecuteAsync("pragma wal_checkpoint(truncate)");
    }
}
