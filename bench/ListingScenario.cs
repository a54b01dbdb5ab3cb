using System.Diagnostics;
using System.Globalization;

namespace McpFilesServer.Bench;

/// <summary>The first page of a large folder, as a whole call of the server, against the loop that one would write first: all entries with size and time, sorted, then cut.</summary>
internal static class ListingScenario
{
    private const int Turns = 25;

    public static async Task<int> RunAsync(string[] args)
    {
        var files = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 100_000;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var server = await BenchServer.StartAsync(issuer);
        await server.CallAsync(issuer.Token(server.Resource, "projects:write"), "create_project", """{"title":"bench"}""");
        var folder = Directory.GetDirectories(Path.Combine(server.Storage, "projects")).Single(path => Path.GetFileName(path).StartsWith("bench-", StringComparison.Ordinal));
        for (var i = 0; i < files; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, $"document-{i}.txt"), []);
        }

        var (ours, naive) = (new List<double>(), new List<double>());
        for (var turn = -3; turn < Turns; turn++)
        {
            var token = issuer.Token(server.Resource, "files:read");
            var watch = Stopwatch.StartNew();
            await server.CallAsync(token, "list_directory", $$"""{"project":"{{Path.GetFileName(folder)}}","limit":200}""");
            var first = watch.Elapsed.TotalMilliseconds;
            watch.Restart();
            var page = new DirectoryInfo(folder).GetFileSystemInfos()
                .Select(info => (info.Name, Size: (info as FileInfo)?.Length, info.LastWriteTimeUtc)).OrderBy(entry => entry.Name, StringComparer.Ordinal).Take(200).ToList();
            var second = watch.Elapsed.TotalMilliseconds;
            if (turn >= 0 && page.Count == 200)
            {
                ours.Add(first);
                naive.Add(second);
            }
        }

        Console.WriteLine($"a folder of {files} files, a page of 200, {Turns} turns, medians");
        Console.WriteLine("| list_directory, ms | naive, ms | median of the ratios |");
        Console.WriteLine("|---|---|---|");
        Console.WriteLine($"| {Median(ours):F1} | {Median(naive):F1} | {Median(ours.Zip(naive, (a, b) => a / b)):F3} |");
        return 0;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
