using System.Diagnostics;
using System.Globalization;

namespace McpFilesServer.Bench;

/// <summary>
/// From the start of the process to the first good call, and what is in memory then. This server as it is published: give the folder of
/// <c>dotnet publish -c Release -r linux-x64 --no-self-contained -p:PublishReadyToRun=true</c>.
/// </summary>
internal static class StartScenario
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (args.Length < 2)
        {
            await Console.Error.WriteLineAsync("Give the folder that the server was published to.");
            return 1;
        }

        var turns = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 7;
        var (ours, theirs) = (new List<(double Start, double Memory)>(), new List<(double Start, double Memory)>());
        await using var issuer = await BenchIssuer.StartAsync();
        for (var turn = -1; turn < turns; turn++)
        {
            var one = await OnceAsync(issuer, () => BenchServer.StartPublishedAsync(issuer, Path.GetFullPath(args[1])), "list_projects", "projects:read");
            var other = await OnceAsync(issuer, async () => await BenchServer.StartTypeScriptAsync(Path.GetTempPath(), issuer)
                ?? throw new InvalidOperationException("npm ci in bench/typescript first."), null, "files:read");
            if (turn >= 0)
            {
                ours.Add(one);
                theirs.Add(other);
            }
        }

        Console.WriteLine($"{Environment.ProcessorCount} processors, {turns} interleaved turns, medians");
        Console.WriteLine("| server | start to first good call, ms | memory ten seconds later, MiB |");
        Console.WriteLine("|---|---|---|");
        Console.WriteLine($"| this server | {Median(ours, one => one.Start):F0} | {Median(ours, one => one.Memory):F0} |");
        Console.WriteLine($"| TypeScript SDK | {Median(theirs, one => one.Start):F0} | {Median(theirs, one => one.Memory):F0} |");
        Console.WriteLine($"ratios: start {Median(ours, one => one.Start) / Median(theirs, one => one.Start):F2}, memory {Median(ours, one => one.Memory) / Median(theirs, one => one.Memory):F2}");
        return 0;
    }

    private static async Task<(double Start, double Memory)> OnceAsync(BenchIssuer issuer, Func<Task<BenchServer>> start, string? tool, string scopes)
    {
        var watch = Stopwatch.StartNew();
        await using var server = await start();
        var token = issuer.Token(server.Resource, scopes);
        await (tool is null ? server.PostAsync(token, """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", System.Net.HttpStatusCode.OK) : server.CallAsync(token, tool));
        var took = watch.Elapsed.TotalMilliseconds;
        await Task.Delay(TimeSpan.FromSeconds(10));
        return (took, server.Memory);
    }

    private static double Median(List<(double Start, double Memory)> figures, Func<(double Start, double Memory), double> of) => ReadingScenario.Median(figures.Select(of));
}
