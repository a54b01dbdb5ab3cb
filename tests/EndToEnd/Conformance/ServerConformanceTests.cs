using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Conformance;

/// <summary>
/// The official conformance suite against this server: what each revision of the protocol requires of one, over the whole way of a request. Every scenario that the suite has is named
/// here, so that a newer version with others is noticed.
/// </summary>
public sealed partial class ServerConformanceTests
{
    private const string Modern = "2026-07-28";
    private const string Older = "2025-11-25";

    /// <summary>What both revisions require.</summary>
    private static readonly string[] Both =
    [
        "caching", "completion-complete", "dns-rebinding-protection",
        "prompts-get-embedded-resource", "prompts-get-simple", "prompts-get-with-args", "prompts-get-with-image", "prompts-list",
        "resources-list", "resources-read-binary", "resources-read-text", "resources-templates-read", "server-sse-multiple-streams",
        "tools-call-audio", "tools-call-embedded-resource", "tools-call-error", "tools-call-image", "tools-call-mixed-content", "tools-call-simple-text", "tools-call-with-progress", "tools-list",
    ];

    private static readonly Dictionary<string, string[]> Required = new()
    {
        [Modern] =
        [
            .. Both, "server-stateless", "sep-2164-resource-not-found",
            "input-required-result-basic-elicitation", "input-required-result-basic-list-roots", "input-required-result-basic-sampling", "input-required-result-capability-check",
            "input-required-result-ignore-extra-params", "input-required-result-missing-input-response", "input-required-result-multi-round", "input-required-result-multiple-input-requests",
            "input-required-result-non-tool-request", "input-required-result-request-state", "input-required-result-result-type", "input-required-result-tampered-state",
            "input-required-result-unsupported-methods", "input-required-result-validate-input",
        ],
        [Older] =
        [
            .. Both.Except(["caching"]), "server-initialize", "ping", "logging-set-level", "tools-call-with-logging", "tools-call-sampling", "tools-call-elicitation",
            "elicitation-sep1034-defaults", "elicitation-sep1330-enums", "resources-subscribe", "resources-unsubscribe",
        ],
    };

    /// <summary>What the suite runs beside that and does not count: extensions that this server does not have, and what the suite's own server does not pass.</summary>
    private static readonly Dictionary<string, string[]> NotScored = new()
    {
        [Modern] =
        [
            "tasks-capability-negotiation", "tasks-dispatch-and-envelope", "tasks-lifecycle", "tasks-mrtr-composition", "tasks-mrtr-input", "tasks-request-headers",
            "tasks-request-state-removal", "tasks-required-task-error", "tasks-status-notifications", "tasks-wire-fields",
            "json-schema-2020-12", "http-header-validation", "http-custom-header-server-validation",
        ],
        [Older] = ["server-session-lifecycle", "json-schema-2020-12", "server-sse-polling"],
    };

    /// <summary>Of these, what is passed all the same.</summary>
    private static readonly string[] PassedAllTheSame = ["json-schema-2020-12", "http-header-validation", "http-custom-header-server-validation", "server-session-lifecycle"];

    /// <summary>Extensions that neither revision has.</summary>
    private static readonly string[] Extensions = ["sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest"];

    /// <summary>Checks of required scenarios that do not say SUCCESS, with the reason. None is a failure.</summary>
    private static readonly Dictionary<string, string> Excused = new()
    {
        ["sep-2164-data-uri WARNING"] = "What is missing and what is not the caller's own get one fixed answer. (SHOULD.)",
        ["sep-2575-server-sends-prompts-list-changed-on-subscription SKIPPED"] = "The lists change with a new version only, and the server does not say otherwise.",
        ["sep-2575-server-sends-tools-list-changed-on-subscription SKIPPED"] = "The same.",
    };

    [Theory]
    [InlineData(Modern, "Stateless")]
    [InlineData(Older, "Hybrid")]
    public async Task Behind_the_gateway_every_scenario_that_a_revision_requires_is_passed(string revision, string sessions)
    {
        var port = Server.FreePort();
        await using var server = await Server.StartAsync(
            sessions == "Hybrid" ? SuiteFixtures.AddWithSessionsTo : SuiteFixtures.AddTo,
            ("Mcp:AllowedHosts:0", $"localhost:{port}"), ("Mcp:AllowedOrigins:0", $"http://localhost:{port}"), ("Mcp:Sessions", sessions), ("Limits:Sessions", "1000"));
        await using var proxy = await AuthorizingProxy.StartAsync(port, server.Url, () => server.Tokens.Forge());

        var (ran, log) = await RunAsync($"http://localhost:{port}/mcp", revision);

        Assert.Equal(Required[revision].Concat(NotScored[revision]).Order(), ran.Keys.Order());
        var fallenShort = from scenario in Required[revision] from check in ran[scenario] where check.Status != "SUCCESS" select $"{check.Id} {check.Status}";
        Assert.True(fallenShort.All(Excused.ContainsKey), log);
        // Of these every one says something, and something good: none has only been excused.
        Assert.All(Required[revision], scenario => Assert.Contains(ran[scenario], check => check.Status == "SUCCESS"));
        Assert.All(NotScored[revision].Intersect(PassedAllTheSame), scenario => Assert.All(ran[scenario], check => Assert.True(check.Status == "SUCCESS", $"{scenario}: {check}\n{log}")));
        Assert.Equal(revision == Modern ? Excused.Keys.Order() : [], fallenShort.Order());
    }

    [Fact]
    public async Task There_are_no_other_scenarios_for_servers_and_no_other_revisions()
    {
        var listed = (await AskAsync("list", "--server")).Split('\n').Where(line => line.StartsWith("  - ", StringComparison.Ordinal)).Select(line => line.Split(' ')[3]);
        var revisions = Revision().Matches(Whitespace().Replace(await AskAsync("list", "--help"), " ").Split("available:")[1].Split("Options")[0]).Select(match => match.Value);

        Assert.Equal(Required.Values.Concat(NotScored.Values).SelectMany(names => names).Concat(Extensions).Distinct().Order(), listed.Order());
        Assert.Equal([Older, Modern], revisions);
        foreach (var (revision, names) in Required)
        {
            var required = (await AskAsync("list", "--requirements", revision)).Split("Server scenarios")[1].Split("Client scenarios")[0];
            Assert.Equal(names.Order(), required.Split('\n').Where(line => line.StartsWith("  - ", StringComparison.Ordinal)).Select(line => line[4..].Trim()).Order());
        }
    }

    [Fact]
    public async Task What_the_suite_calls_takes_a_token_with_its_scopes_like_anything_else()
    {
        await using var server = await Server.StartAsync(SuiteFixtures.AddWithSessionsTo, ("Mcp:Sessions", "Hybrid"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.CallAsync(null, "test_simple_text", new { })).Status);
        var other = server.Tokens.Forge(claims => claims["scope"] = "files:read");
        var client = await OlderClient.StartAsync(server, server.Tokens.Forge(claims => claims["scope"] = SuiteFixtures.Scope));

        foreach (var (method, parameters) in ((string, string)[])
        [
            ("tools/call", """{"name":"test_simple_text"}"""), ("prompts/get", """{"name":"test_simple_prompt"}"""), ("resources/read", """{"uri":"test://static-text"}"""),
            ("logging/setLevel", """{"level":"info"}"""), ("resources/subscribe", """{"uri":"test://watched-resource"}"""), ("resources/unsubscribe", """{"uri":"test://watched-resource"}"""),
        ])
        {
            var body = $$$"""{"jsonrpc":"2.0","id":7,"method":"{{{method}}}","params":{{{parameters}}}}""";
            Assert.Contains("insufficient_scope", (await client.SendAsync(body, otherToken: other)).Challenge, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(body)).Status);
        }

        // To hear of a resource takes what it takes to read it: this one takes files:read, too.
        var foreign = await client.SendAsync("""{"jsonrpc":"2.0","id":7,"method":"resources/subscribe","params":{"uri":"project://welcome"}}""");
        Assert.Contains("insufficient_scope", foreign.Challenge, StringComparison.Ordinal);
        var missing = await client.SendAsync("""{"jsonrpc":"2.0","id":7,"method":"resources/subscribe","params":{"uri":"test://nothing"}}""");
        Assert.Equal(-32602, missing.ErrorCode);
    }

    /// <summary>Runs all that a revision requires, and gives the checks of each scenario.</summary>
    private static async Task<(Dictionary<string, List<(string Id, string Status)>> Checks, string Log)> RunAsync(string url, string revision)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var results = Directory.CreateTempSubdirectory("conformance-").FullName;
        try
        {
            await using var suite = await NodeClients.StartOnNewNodeAsync(
                NodeClients.Conformance, limit.Token, ["server", "--url", url, "--requirements", revision, "--output-dir", results]);
            var (status, _, _) = await suite.EndAsync(limit.Token);
            Assert.True(status == 0, suite.Log);
            return (Directory.EnumerateDirectories(results).ToDictionary(folder => Scenario().Match(Path.GetFileName(folder)).Groups[1].Value, Checks), suite.Log);
        }
        finally
        {
            Directory.Delete(results, recursive: true);
        }
    }

    private static List<(string Id, string Status)> Checks(string folder) =>
        [.. JsonElement.Parse(File.ReadAllText(Path.Combine(folder, "checks.json"))).EnumerateArray().Select(check => (check.GetProperty("id").GetString()!, check.GetProperty("status").GetString()!))];

    private static async Task<string> AskAsync(params string[] arguments)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var suite = await NodeClients.StartOnNewNodeAsync(NodeClients.Conformance, limit.Token, arguments);
        var (_, output, _) = await suite.EndAsync(limit.Token);
        return output;
    }

    [GeneratedRegex(@"^server-(.+)-\d{4}-\d\d-\d\dT")]
    private static partial Regex Scenario();

    [GeneratedRegex(@"\d{4}-\d\d-\d\d")]
    private static partial Regex Revision();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();
}
