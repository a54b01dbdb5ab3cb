using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What the audit says after the decision: how each call went, on the record that names the decision.</summary>
public sealed class OutcomeTests(Server server)
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string TraceParent = $"00-{Trace}-00f067aa0ba902b7-01";

    [Theory]
    [InlineData("get_project", "welcome", "ok", "answered")]
    [InlineData("get_project", "no-such-project", "failed", "tool_error")]
    [InlineData("get_project", "NOT A SLUG", "failed", "tool_error")]
    public async Task A_call_has_one_decision_and_one_outcome_that_names_it(string tool, string project, string decision, string reason)
    {
        await using var own = await Server.StartAsync();
        var token = own.Tokens.Forge();

        var answer = await own.CallAsync(token, tool, new { project });

        var allowed = Assert.Single(own.AuditRows());
        var outcome = await own.OutcomeOfAsync(Number(allowed));
        Assert.Equal((decision, reason, 200), (Text(outcome, "decision"), Text(outcome, "reason"), outcome.GetProperty("status").GetInt32()));
        Assert.Equal(System.Text.Encoding.UTF8.GetByteCount(answer.Text), outcome.GetProperty("bytes").GetInt32());
        Assert.True(outcome.GetProperty("duration_ms").GetInt64() >= 0);
        // What is no slug is no project, and a stranger's text besides.
        var slug = project.Contains(' ', StringComparison.Ordinal) ? null : project;
        Assert.Equal((slug, slug), (Text(allowed, "project"), Text(outcome, "project")));
        Assert.All((string[])["trace_id", "method", "target", "policy_version", "token_id"], column => Assert.Equal(Text(allowed, column), Text(outcome, column)));
        Assert.Equal(64, Text(allowed, "arguments_digest")!.Length);
    }

    [Fact]
    public async Task Every_call_that_was_let_through_has_an_outcome_whatever_it_was()
    {
        await using var own = await Server.StartAsync(settings: ("Mcp:Sessions", "Hybrid"));
        var token = own.Tokens.Forge();
        var client = await OlderClient.StartAsync(own, token);
        await client.SendAsync("""{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"project://welcome/no-such.md"}}""");
        await own.SendAsync(token, Message.List());
        await own.SendAsync(token, Message.Of("resources/read", new JsonObject { ["uri"] = "project://welcome/readme.md" }, "project://welcome/readme.md"));
        await own.SendAsync(token, Message.Of("prompts/get", new JsonObject { ["name"] = "summarize_project", ["arguments"] = new JsonObject { ["project"] = "welcome" } }, "summarize_project"));
        await client.EndAsync(token);

        var outcomes = new List<string>();
        foreach (var allowed in own.AuditRows().Where(row => Text(row, "decision") == "allow"))
        {
            var outcome = await own.OutcomeOfAsync(Number(allowed));
            outcomes.Add($"{Text(allowed, "method")} {Text(allowed, "project") ?? "-"} {Text(outcome, "decision")} {Text(outcome, "reason")} {outcome.GetProperty("status").GetInt32()}");
        }

        Assert.Equal(
            [
                "initialize - ok answered 200", "notifications/initialized - ok answered 202", "resources/read welcome failed protocol_error 200", "tools/list - ok answered 200",
                "resources/read welcome ok answered 200", "prompts/get welcome ok answered 200", "session/end - ok answered 200",
            ],
            outcomes);
    }

    [Fact]
    public async Task A_call_whose_client_goes_away_has_an_outcome_too()
    {
        var slow = new SlowProbe();
        await using var own = await Server.StartAsync(services => services.AddSingleton(slow.Tool()));
        using (var request = SlowProbe.Call().ToRequest(new Uri(own.Resource), own.Tokens.Forge()))
        using (await own.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            await slow.Began;
        }

        var outcome = await own.OutcomeOfAsync(Number(Assert.Single(own.AuditRows())));

        Assert.True(await slow.Ended);
        Assert.Equal(("aborted", "broken_off"), (Text(outcome, "decision"), Text(outcome, "reason")));
    }

    [Fact]
    public async Task A_question_is_an_outcome_and_the_call_after_the_answer_another()
    {
        await using var own = await Server.StartAsync();
        var token = await own.Tokens.OfAsync("alice", Mine.Scopes + " projects:share");

        var answer = await own.ConfirmAsync(token, "set_member", new { project = "welcome", user = "a-new-person", role = "reader" });

        Assert.False(answer.IsError, answer.Text);
        var rows = own.AuditRows();
        Assert.Equal(["decision allow", "confirmation asked", "decision allow", "confirmation accepted"], rows.Select(row => $"{Text(row, "kind")} {Text(row, "decision")}"));
        Assert.Equal([Number(rows[0]), Number(rows[2])], ((int[])[1, 3]).Select(i => rows[i].GetProperty("about").GetInt64()));
        Assert.Equal("asked", Text(await own.OutcomeOfAsync(Number(rows[0])), "reason"));
        Assert.Equal("answered", Text(await own.OutcomeOfAsync(Number(rows[2])), "reason"));
    }

    [Fact]
    public async Task A_downstream_call_links_the_callers_token_the_exchanged_one_and_what_the_api_said()
    {
        await using var own = await Server.StartAsync();
        var token = await own.Tokens.OfAsync("alice", "people:read");
        using var outbound = new Outbound(own);

        Assert.False((await own.CallAsync(token, "find_people", new { query = "al" })).IsError);

        var sent = outbound.Requests.Single(request => request.Path.StartsWith("/graph", StringComparison.Ordinal));
        var (rows, inbound) = (own.AuditRows(), Caller.HashOf(new JsonWebToken(token).Id));
        Assert.Equal(["decision allow scopes_held", "exchange allow exchanged"], rows.Select(row => $"{Text(row, "kind")} {Text(row, "decision")} {Text(row, "reason")}"));
        var (exchange, outcome) = (rows[1], await own.OutcomeOfAsync(Number(rows[0])));
        Assert.Equal(Number(rows[0]), exchange.GetProperty("about").GetInt64());
        Assert.Equal([inbound, inbound, inbound], ((JsonElement[])[rows[0], exchange, outcome]).Select(row => Text(row, "token_id")));
        Assert.Equal(64, Text(exchange, "exchanged_token_id")!.Length);
        Assert.Equal(Text(exchange, "exchanged_token_id"), Text(outcome, "exchanged_token_id"));
        Assert.NotEqual(inbound, Text(outcome, "exchanged_token_id"));
        Assert.Equal(200, outcome.GetProperty("downstream_status").GetInt32());
        Assert.Single(rows.Select(row => Text(row, "trace_id")).Append(Text(outcome, "trace_id")).Distinct());
        Assert.NotNull(sent);
    }

    [Fact]
    public async Task A_step_up_is_a_challenge_and_then_an_allow_of_the_same_person()
    {
        await using var own = await Server.StartAsync();
        var (narrow, wide) = (await own.Tokens.OfAsync("alice", "files:read"), await own.Tokens.OfAsync("alice", "files:read projects:read"));

        await own.CallAsync(narrow, "list_projects", new { });
        await own.CallAsync(wide, "list_projects", new { });

        Assert.Equal(
            [("challenge", "projects:read", "files:read", Tokens.Alice), ("allow", "projects:read", "files:read projects:read", Tokens.Alice)],
            own.AuditRows().Select(row => (Text(row, "decision")!, Text(row, "scopes_needed")!, Text(row, "scopes_held")!, Text(row, "subject")!)));
    }

    [Fact]
    public async Task Outcomes_are_on_the_disk_when_the_server_has_ended_and_so_is_that_it_ended()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-outcomes-").FullName;
        try
        {
            await using (var own = await Server.StartAsync(settings: ("Storage:Directory", storage)))
            {
                var token = own.Tokens.Forge();
                await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => own.CallAsync(token, "list_projects", new { })));
            }

            var problems = new McpFilesServer.Data.AuditVerification(Path.Combine(storage, "audit.db"), Path.Combine(storage, "audit.anchor")).Problems(out _, out _);
            var records = new McpFilesServer.Data.AuditVerification(Path.Combine(storage, "audit.db"), Path.Combine(storage, "audit.anchor")).Export().Select(line => JsonElement.Parse(line)).ToList();
            Assert.Empty(problems);
            Assert.Equal("configuration started", $"{Text(records[0], "kind")} {Text(records[0], "reason")}");
            Assert.StartsWith("version ", Text(records[0], "detail"), StringComparison.Ordinal);
            Assert.Equal("configuration stopped", $"{Text(records[^1], "kind")} {Text(records[^1], "reason")}");
            var allowed = records.Where(row => Text(row, "kind") == "decision").Select(Number);
            Assert.Equal(allowed.Order(), records.Where(row => Text(row, "kind") == "outcome").Select(row => row.GetProperty("about").GetInt64()).Order());
        }
        finally
        {
            Directory.Delete(storage, recursive: true);
        }
    }

    [Fact]
    public async Task The_server_offers_no_protocol_logging()
    {
        var discovered = await server.SendAsync(server.Tokens.Forge(), Message.Of("server/discover", []));
        var initialized = await server.SendAsync(server.Tokens.Forge(), OlderClient.Initialize());

        Assert.All((Answer[])[discovered, initialized], answer => Assert.False(answer.Result.GetProperty("capabilities").TryGetProperty("logging", out _)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_clients_trace_is_noted_and_is_not_the_servers(bool inMeta)
    {
        await using var own = await Server.StartAsync();
        var call = Message.Call("list_projects", new { });
        call = inMeta ? call.With(Meta(call, "traceparent", TraceParent)).WithHeader("traceparent", "00-11111111111111111111111111111111-2222222222222222-01") : call.WithHeader("traceparent", TraceParent);

        Assert.Equal(HttpStatusCode.OK, (await own.SendAsync(own.Tokens.Forge(), call)).Status);

        var row = Assert.Single(own.AuditRows());
        Assert.Equal(Trace, Text(row, "client_trace_id"));
        Assert.NotEqual(Trace, Text(row, "trace_id"));
        Assert.NotEqual("11111111111111111111111111111111", Text(row, "trace_id"));
    }

    [Theory]
    [InlineData("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]
    [InlineData("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "4bf92f3577b34da6a3ce929d0e0e4736")]
    [InlineData("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")]
    [InlineData("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "")]
    [InlineData("tracestate", null)]
    [InlineData("baggage", null)]
    public async Task What_is_no_trace_is_ignored_and_the_call_is_served(string name, string? value)
    {
        var call = Message.Call("list_projects", new { });
        var marked = $"trace-{Guid.NewGuid()}";

        // Where there is no value, ten kilobytes of it.
        var answer = await server.SendAsync(
            server.Tokens.Forge(claims => claims["client_id"] = marked), call.With(Meta(call, name, value ?? string.Concat(Enumerable.Repeat("k=v,", 2500)))));

        Assert.False(answer.IsError, answer.Text);
        var row = Assert.Single(server.AuditRows(), row => Text(row, "client") == marked);
        Assert.Null(Text(row, "client_trace_id"));
        Assert.DoesNotContain("k=v", row.GetRawText(), StringComparison.Ordinal);
    }

    private static string Meta(Message message, string name, string value)
    {
        var body = JsonNode.Parse(message.Body)!.AsObject();
        body["params"]!["_meta"]![name] = value;
        return body.ToJsonString();
    }

    private static long Number(JsonElement row) => row.GetProperty("sequence").GetInt64();

    private static string? Text(JsonElement row, string column) => row.TryGetProperty(column, out var value) ? value.GetString() : null;
}
