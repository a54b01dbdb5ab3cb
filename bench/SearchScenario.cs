using System.Diagnostics;
using System.Globalization;

namespace McpFilesServer.Bench;

/// <summary>A search in many small files, by the server (a whole call: token, gateway, audit, walk, answer) and by ripgrep, in turns.</summary>
internal static class SearchScenario
{
    private const int Turns = 15;

    private static readonly (string Pattern, string Kind)[] Patterns =
    [
        ("needle_in_hay", "literal, in ten files"),
        (@"needle_\w+_hay\b", "expression with a literal"),
        ("nowhere_at_all", "literal, in no file"),
        (@"\b\d{5}z\b", "expression without a literal"),
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        var files = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 100_000;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var server = await BenchServer.StartAsync(issuer);
        await server.CallAsync(issuer.Token(server.Resource, "projects:write"), "create_project", """{"title":"bench"}""");
        var folder = Directory.GetDirectories(Path.Combine(server.Storage, "projects")).Single(path => Path.GetFileName(path).StartsWith("bench-", StringComparison.Ordinal));
        Fill(folder, files);

        Console.WriteLine($"{files} files of about 2 KiB, {Environment.ProcessorCount} processors, {Turns} turns, medians");
        Console.WriteLine("| pattern | search_text, ms | rg -uu, ms | median of the ratios |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var (pattern, kind) in Patterns)
        {
            var (ours, theirs) = (new List<double>(), new List<double>());
            for (var turn = -3; turn < Turns; turn++)
            {
                var first = await OursAsync(server, issuer, Path.GetFileName(folder), pattern);
                var second = await TheirsAsync(folder, pattern);
                if (turn >= 0)
                {
                    ours.Add(first);
                    theirs.Add(second);
                }
            }

            Console.WriteLine($"| `{pattern}` ({kind}) | {Median(ours):F0} | {Median(theirs):F0} | {Median(ours.Zip(theirs, (a, b) => a / b)):F2} |");
        }

        return 0;
    }

    private static void Fill(string folder, int files)
    {
        var line = "The quick brown fox jumps over the lazy dog, 12345 times a day; what else is there to do?\n";
        var content = string.Concat(Enumerable.Repeat(line, 22));
        for (var i = 0; i < files; i++)
        {
            var directory = Path.Combine(folder, $"part-{i / 5000}", $"dir-{i / 100 % 50}");
            if (i % 100 == 0)
            {
                Directory.CreateDirectory(directory);
            }

            File.WriteAllText(Path.Combine(directory, $"document-{i}.txt"), i % (files / 10) == 7 ? content + "a needle_in_hay is here\n" : content);
        }
    }

    private static async Task<double> OursAsync(BenchServer server, BenchIssuer issuer, string project, string pattern)
    {
        var arguments = $$"""{"project":"{{project}}","pattern":"{{pattern.Replace(@"\", @"\\", StringComparison.Ordinal)}}"}""";
        var token = issuer.Token(server.Resource, "files:read");
        var watch = Stopwatch.StartNew();
        await server.CallAsync(token, "search_text", arguments);
        return watch.Elapsed.TotalMilliseconds;
    }

    private static async Task<double> TheirsAsync(string folder, string pattern)
    {
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo("rg", ["-uu", "-n", "--column", "-e", pattern, folder]) { RedirectStandardOutput = true })!;
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
