using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;

namespace McpFilesServer.Bench;

/// <summary>
/// What an exchange costs beside the issuer's own time: a tool that calls downstream against one that does not, with an issuer and an API on loopback that
/// say how long each of their answers took. What is left is ours: the request, the proof (a signature), the checks, the record, and loopback itself; with On-Behalf-Of, MSAL and TLS too.
/// </summary>
internal static class ExchangeScenario
{
    private const int CallsInATurn = 200;

    public static async Task<int> RunAsync(string[] args)
    {
        var turns = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 15;
        await using var issuer = await BenchIssuer.StartAsync();
        var folder = Directory.CreateTempSubdirectory("mcp-files-bench-keys-").FullName;
        var (trusted, mine, pem) = (Path.Combine(folder, "trusted.pem"), Path.Combine(folder, "mine.pfx"), Path.Combine(folder, "mine.pem"));
        await File.WriteAllTextAsync(trusted, issuer.Certificate.ExportCertificatePem());
        await File.WriteAllBytesAsync(mine, issuer.Certificate.Export(X509ContentType.Pfx));
        await File.WriteAllTextAsync(pem, issuer.Certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        Console.WriteLine($"find_people, one at a time, {turns} turns of {CallsInATurn} calls each, medians in milliseconds");
        Console.WriteLine("| grant | call | issuer | API | the rest | a call that goes nowhere | overhead of the exchange |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        await MeasureAsync(issuer, turns, "On-Behalf-Of", ("Obo__Authority", issuer.Secure), ("Obo__ClientCredentials__0__SourceType", "Path"), ("Obo__ClientCredentials__0__CertificateDiskPath", mine), ("SSL_CERT_FILE", trusted));
        await MeasureAsync(issuer, turns, "RFC 8693", ("Exchange__Grant", "TokenExchange"), ("Exchange__TokenEndpoint", $"{issuer.Authority}/token"), ("Exchange__Issuer", issuer.Authority), ("Exchange__KeyFile", pem));
        Directory.Delete(folder, recursive: true);
        return 0;
    }

    private static async Task MeasureAsync(BenchIssuer issuer, int turns, string name, params (string Key, string Value)[] settings)
    {
        await using var server = await BenchServer.StartAsync(issuer,
        [
            ("Obo__ClientId", "bench"), ("Graph__BaseUrl", $"{issuer.Authority}/v1.0"), ("Graph__Scopes__0", "User.ReadBasic.All"), ("Graph__Scopes__1", "Files.Read"), ("Graph__Scopes__2", "Files.ReadWrite"), .. settings,
        ]);
        var (calls, exchanges, answers, plain) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var turn = 0; turn <= turns; turn++)
        {
            issuer.Forget();
            var downstream = await TurnAsync(server, issuer, "people:read", "find_people", """{"query":"al"}""");
            var nowhere = await TurnAsync(server, issuer, "projects:read", "list_projects", "{}");
            if (turn > 0)
            {
                // The first is for warming up.
                calls.Add(downstream);
                plain.Add(nowhere);
                exchanges.Add(Median(issuer.Exchanges));
                answers.Add(Median(issuer.Answers));
            }
        }

        var rest = Median(calls) - Median(exchanges) - Median(answers);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {name} | {Median(calls):F2} | {Median(exchanges):F2} | {Median(answers):F2} | {rest:F2} | {Median(plain):F2} | {rest - Median(plain):F2} |"));
    }

    /// <summary>The median of a call's milliseconds.</summary>
    private static async Task<double> TurnAsync(BenchServer server, BenchIssuer issuer, string scopes, string tool, string arguments)
    {
        var times = new List<double>();
        foreach (var token in Enumerable.Range(0, CallsInATurn).Select(_ => issuer.Token(server.Resource, scopes)).ToList())
        {
            var watch = Stopwatch.GetTimestamp();
            await server.CallAsync(token, tool, arguments);
            times.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
        }

        return Median(times);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
