using System.Globalization;
using System.Net;

namespace McpFilesServer.Bench;

/// <summary>
/// A text file read over HTTP, small and large, by this server with everything on, by the bare SDK, by the SDK with tokens, and by the official TypeScript SDK:
/// each in a process of its own, in turns. All give the same text from disk to the same client, which has the same processors.
/// </summary>
internal static class ReadingScenario
{
    private const int Small = 4 * 1024;

    private const int Large = 1024 * 1024;

    /// <summary>Turns before it counts: until then the servers are still compiling what they do most.</summary>
    private const int WarmUp = 3;

    private static readonly (int Size, int AtOnce, int Calls)[] Loads = [(Small, 16, 20_000), (Small, 64, 20_000), (Large, 16, 320), (Large, 64, 320)];

    public static async Task<int> RunAsync(string[] args)
    {
        var turns = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var ours = await BenchServer.StartAsync(issuer);
        var folder = await ProjectAsync(issuer, ours);
        Fill(Path.Combine(folder, $"{Small}.txt"), Small);
        Fill(Path.Combine(folder, $"{Large}.txt"), Large);

        await using var bare = await BenchServer.StartPlainAsync(folder, null);
        await using var bearer = await BenchServer.StartPlainAsync(folder, issuer);
        await using var typescript = await BenchServer.StartTypeScriptAsync(folder, issuer);
        List<(string Name, BenchServer Server)> servers = [("this server", ours), ("SDK, bare", bare), ("SDK, JwtBearer", bearer)];
        if (typescript is not null)
        {
            servers.Add(("TypeScript SDK", typescript));
        }

        Console.WriteLine($"{Environment.ProcessorCount} processors, {turns} interleaved turns, medians");
        Console.WriteLine("| read | server | calls a second | beside the bare SDK | processor time a call, ms | memory after, MiB | most memory, MiB |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (size, atOnce, calls) in Loads)
        {
            var measured = servers.ToDictionary(server => server.Name, _ => new List<(double Rate, double Processor)>());
            for (var turn = -WarmUp; turn < turns; turn++)
            {
                foreach (var (name, server) in servers)
                {
                    var figures = await TurnAsync(server, issuer, Path.GetFileName(folder), size, atOnce, calls);
                    if (turn >= 0)
                    {
                        measured[name].Add(figures);
                    }
                }
            }

            var beside = measured["SDK, bare"];
            foreach (var (name, server) in servers)
            {
                var ratio = Median(measured[name].Zip(beside, (one, other) => one.Rate / other.Rate));
                Console.WriteLine(
                    $"| {size / 1024} KiB, {atOnce} at once | {name} | {Median(measured[name].Select(figure => figure.Rate)):F0} | {ratio:F2} | {Median(measured[name].Select(figure => figure.Processor)):F2} | {server.Memory:F0} | {server.MostMemory:F0} |");
            }
        }

        return 0;
    }

    /// <summary>Calls a second and processor milliseconds a call, in one turn. The tokens are made before.</summary>
    private static async Task<(double Rate, double Processor)> TurnAsync(BenchServer server, BenchIssuer issuer, string project, int size, int atOnce, int calls)
    {
        var arguments = $$"""{"project":"{{project}}","path":"{{size}}.txt"}""";
        var requests = Enumerable.Range(0, Math.Min(calls, 500)).Select(_ => server.Call(issuer.Token(server.Resource, "files:read"), "read_text_file", arguments)).ToList();
        using var load = new Load(server, HttpStatusCode.OK, size);
        return await load.RunAsync(requests, calls, atOnce);
    }

    /// <summary>Makes a project with a small file in each of these servers.</summary>
    /// <returns>The file's size, and for each server the arguments that read it.</returns>
    public static async Task<(int Size, IReadOnlyList<string> Arguments)> FillAsync(BenchIssuer issuer, params BenchServer[] servers)
    {
        var arguments = new List<string>();
        foreach (var server in servers)
        {
            var folder = await ProjectAsync(issuer, server);
            Fill(Path.Combine(folder, $"{Small}.txt"), Small);
            arguments.Add($$"""{"project":"{{Path.GetFileName(folder)}}","path":"{{Small}}.txt"}""");
        }

        return (Small, arguments);
    }

    private static async Task<string> ProjectAsync(BenchIssuer issuer, BenchServer server)
    {
        await server.CallAsync(issuer.Token(server.Resource, "projects:write"), "create_project", """{"title":"bench"}""");
        return Directory.GetDirectories(Path.Combine(server.Storage, "projects")).Single(path => Path.GetFileName(path).StartsWith("bench-", StringComparison.Ordinal));
    }

    /// <summary>Source code, more or less: lines, quotes, now and then a letter that is not ASCII.</summary>
    private static void Fill(string path, int size)
    {
        var lines = string.Concat(Enumerable.Range(0, (size / 60) + 10).Select(i => i % 50 == 0 ? "    // Größe, naïve – ein Kommentar über alles Mögliche\n" : $"    var item{i} = list[{i}].Compute(first, second: \"some text\");\n"));
        using var file = File.Create(path);
        var bytes = System.Text.Encoding.UTF8.GetBytes(lines).AsSpan(0, size);
        // Not in the middle of a letter.
        bytes[^4..].Fill((byte)'\n');
        file.Write(bytes);
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
