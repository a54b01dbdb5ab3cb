using System.Diagnostics;
using System.Globalization;
using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Bench;

/// <summary>What a call costs with ten live revocations and with a million: two servers that differ in nothing else, measured in turns.</summary>
internal static class RevocationScenario
{
    private const int Turns = 15;

    private const int CallsInATurn = 1500;

    private const int AtOnce = 8;

    /// <summary>Entries of all kinds, spread evenly, none of which is about the caller. They live as long as any does.</summary>
    private const string Fill =
        """
        with recursive n (i) as (select 1 union all select i + 1 from n where i < @entries)
        insert into revocation (issuer, kind, name, client, issued_until)
        select @issuer, case i % 5 when 0 then 'token' when 1 then 'subject' when 2 then 'client' when 3 then 'grant' else 'session' end,
               lower(hex(randomblob(16))), case i % 5 when 3 then 'client-' || (i % 100) else '' end, '2999-01-01T00:00:00.000Z'
        from n
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        var entries = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000_000;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var few = await BenchServer.StartAsync(issuer);
        await using var many = await BenchServer.StartAsync(issuer);
        await FillAsync(few, issuer, 10);
        await FillAsync(many, issuer, entries);

        // One turn each to warm up, then in turns, so that whatever else the machine does meets both.
        await TurnAsync(few, issuer);
        await TurnAsync(many, issuer);
        var (withFew, withMany) = (new List<double>(), new List<double>());
        for (var i = 0; i < Turns; i++)
        {
            withFew.Add(await TurnAsync(few, issuer));
            withMany.Add(await TurnAsync(many, issuer));
        }

        Console.WriteLine($"list_projects, {AtOnce} at once, {Turns} turns of {CallsInATurn} calls each, medians");
        Console.WriteLine("| live revocations | microseconds a call | own memory, MiB |");
        Console.WriteLine("|---|---|---|");
        Console.WriteLine($"| 10 | {Median(withFew):F0} | {few.OwnMemory:F0} |");
        Console.WriteLine($"| {entries} | {Median(withMany):F0} | {many.OwnMemory:F0} |");
        Console.WriteLine($"ratio of the medians {Median(withMany) / Median(withFew):F3}, median of the ratios of turns side by side {Median(withMany.Zip(withFew, (a, b) => a / b)):F3}");
        return 0;
    }

    private static async Task FillAsync(BenchServer server, BenchIssuer issuer, int entries)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "server.db")};Pooling=False");
        await connection.ExecuteAsync(Fill, new { entries, issuer = issuer.Authority });
        // The write-ahead log of a filling is nothing that a running server has.
        await connection.ExecuteAsync("pragma wal_checkpoint(truncate)");
    }

    /// <summary>Microseconds a call, in one turn. The tokens are made before.</summary>
    private static async Task<double> TurnAsync(BenchServer server, BenchIssuer issuer)
    {
        var tokens = Enumerable.Range(0, CallsInATurn).Select(_ => issuer.Token(server.Resource, "projects:read")).ToList();
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(tokens, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (token, _) => await server.CallAsync(token, "list_projects"));
        return watch.Elapsed.TotalMicroseconds / CallsInATurn;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
