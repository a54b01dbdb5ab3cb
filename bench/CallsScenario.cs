using System.Globalization;
using System.Net;
using System.Text.Json;

namespace McpFilesServer.Bench;

/// <summary>What is called most beside reading: the list of tools, and what has no token. And what the durable audit costs a read.</summary>
internal static class CallsScenario
{
    private const string List = """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""";

    private const int Calls = 20_000;

    public static async Task<int> RunAsync(string[] args)
    {
        var turns = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
        await using var issuer = await BenchIssuer.StartAsync();
        await using var ours = await BenchServer.StartAsync(issuer);
        await using var unaudited = await BenchServer.StartHostedAsync(issuer, "unaudited");
        await using var bearer = await BenchServer.StartPlainAsync(ours.Storage, issuer);
        await using var typescript = await BenchServer.StartTypeScriptAsync(ours.Storage, issuer, await ToolsAsync(issuer, ours));
        var (_, arguments) = await ReadingScenario.FillAsync(issuer, ours, unaudited);

        Console.WriteLine($"{Environment.ProcessorCount} processors, {turns} interleaved turns of {Calls} calls, medians");
        Console.WriteLine("| call | server | calls a second | beside | ratio |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var atOnce in (int[])[16, 64])
        {
            if (typescript is not null)
            {
                await CompareAsync($"tools/list, {atOnce} at once", turns, atOnce, ("TypeScript SDK", () => List(typescript)), ("this server", () => List(ours)));
                await CompareAsync($"no token, {atOnce} at once", turns, atOnce, ("TypeScript SDK", () => Refused(typescript)), ("this server", () => Refused(ours)));
            }

            // As much as ASP.NET Core itself can refuse: no gateway, no record, no body.
            await CompareAsync($"no token, {atOnce} at once", turns, atOnce, ("SDK, JwtBearer", () => Refused(bearer)), ("this server", () => Refused(ours)));
            await CompareAsync($"4 KiB read, {atOnce} at once", turns, atOnce, ("without an audit", () => Read(unaudited, 1)), ("this server", () => Read(ours, 0)));
        }

        return 0;

        (BenchServer, byte[], HttpStatusCode) List(BenchServer server) => (server, Wire.Request(server.Resource, issuer.Token(server.Resource, "files:read"), CallsScenario.List), HttpStatusCode.OK);

        (BenchServer, byte[], HttpStatusCode) Refused(BenchServer server) => (server, Wire.Request(server.Resource, null, CallsScenario.List), HttpStatusCode.Unauthorized);

        (BenchServer, byte[], HttpStatusCode) Read(BenchServer server, int index) =>
            (server, server.Call(issuer.Token(server.Resource, "files:read"), "read_text_file", arguments[index]), HttpStatusCode.OK);
    }

    /// <summary>The tools of this server in a file, so that both list the same.</summary>
    private static async Task<string> ToolsAsync(BenchIssuer issuer, BenchServer server)
    {
        var answer = await server.PostAsync(issuer.Token(server.Resource, "files:read"), List, HttpStatusCode.OK);
        using var json = JsonDocument.Parse(answer[answer.IndexOf('{', StringComparison.Ordinal)..]);
        var file = Path.Combine(server.Storage, "tools.json");
        await File.WriteAllTextAsync(file, json.RootElement.GetProperty("result").GetProperty("tools").GetRawText());
        return file;
    }

    /// <summary>Measures in turns, and says how the others do beside the first.</summary>
    public static async Task CompareAsync(string call, int turns, int atOnce, params (string Name, Func<(BenchServer Server, byte[] Request, HttpStatusCode Status)> Call)[] servers)
    {
        var rates = servers.ToDictionary(server => server.Name, _ => new List<double>());
        for (var turn = -3; turn < turns; turn++)
        {
            foreach (var (name, prepare) in servers)
            {
                var (server, request, status) = prepare();
                using var load = new Load(server, status, least: status == HttpStatusCode.OK ? 1 : 0);
                var (rate, _) = await load.RunAsync([request], Calls, atOnce);
                if (turn >= 0)
                {
                    rates[name].Add(rate);
                }
            }
        }

        foreach (var (name, _) in servers)
        {
            var ratio = ReadingScenario.Median(rates[name].Zip(rates[servers[0].Name], (one, other) => one / other));
            Console.WriteLine($"| {call} | {name} | {ReadingScenario.Median(rates[name]):F0} | {servers[0].Name} | {ratio:F2} |");
        }
    }
}
