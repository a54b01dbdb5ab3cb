using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Xunit;
using AuditRecord = McpFilesServer.Auth.AuditRecord;
using IAudit = McpFilesServer.Auth.IAudit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block B, as far as it is about what a caller with a good token may do.</summary>
public sealed class GatewayAttacks(Target target)
{
    [Theory]
    [Trait("Attack", "B01")]
    [InlineData("probe_write", "files:write")]
    [InlineData("probe_delete", "files:delete projects:write")]
    [InlineData("write_file", "files:write")]
    [InlineData("create_project", "projects:write")]
    [InlineData("find_people", "people:read")]
    public async Task A_token_that_may_read_does_no_more_and_is_told_what_it_takes(string tool, string scopes)
    {
        foreach (var legacy in (bool[])[false, true])
        {
            var reply = await target.RefusesAsync(Expected.ScopeMissing(scopes), Target.Call(tool, legacy), target.Tokens.Forge());

            Assert.Equal(7, reply.Body.GetProperty("id").GetInt32());
        }
    }

    [Theory]
    [Trait("Attack", "own: GW-02, scopes that nearly are")]
    [InlineData("files:writeall")]
    [InlineData("FILES:WRITE")]
    [InlineData("files:read,files:write")]
    [InlineData("files:read;files:write")]
    [InlineData("files:read\tfiles:write")]
    [InlineData("files:read\nfiles:write")]
    [InlineData("files:read\r\nfiles:write")]
    [InlineData("files:read\u00a0files:write")]
    [InlineData("files:read\u2003files:write")]
    [InlineData("xfiles:write")]
    [InlineData("files:*")]
    [InlineData("*")]
    [InlineData("files")]
    [InlineData("files:")]
    [InlineData("files:write\u0000")]
    [InlineData("\u200bfiles:write")]
    [InlineData("files:wr\u0131te")]
    [InlineData("\uff46iles:write")]
    [InlineData("f\u0456les:write")]
    [InlineData("https://files.example/files:write")]
    [InlineData("\"files:write\"")]
    [InlineData("files:write/")]
    [InlineData("files%3awrite")]
    [InlineData("admin root offline_access")]
    [InlineData("")]
    public async Task A_scope_counts_only_when_it_is_exactly_the_one(string scopes) =>
        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Target.Call("probe_write"), target.TokenWith(scopes));

    [Fact]
    [Trait("Attack", "B01")]
    public async Task Of_two_scopes_that_it_takes_one_is_not_enough()
    {
        await target.RefusesAsync(Expected.ScopeMissing("files:delete projects:write"), Target.Call("probe_delete"), target.TokenWith("files:delete"));
        await target.RefusesAsync(Expected.ScopeMissing("files:delete projects:write"), Target.Call("probe_delete"), target.TokenWith("projects:write files:delete:"));

        var reply = await target.SendAsync(Target.Call("probe_delete"), $"Bearer {target.TokenWith("projects:write files:delete")}");

        Assert.Equal(["probe_delete"], target.Probes.Of(reply.Trace));
    }

    [Theory]
    [Trait("Attack", "own: scopes that stand elsewhere in the token")]
    [InlineData("scp", "\"files:write\"")]
    [InlineData("scp", "[\"files:write\"]")]
    [InlineData("Scope", "\"files:write\"")]
    [InlineData("scopes", "[\"files:write\"]")]
    [InlineData("roles", "[\"files:write\",\"admin\"]")]
    [InlineData("permissions", "[\"files:write\"]")]
    [InlineData("groups", "[\"admins\"]")]
    [InlineData("authorization_details", "[{\"type\":\"files:write\"}]")]
    [InlineData("act", "{\"sub\":\"admin\",\"scope\":\"files:write\",\"act\":{\"sub\":\"root\"}}")]
    [InlineData("http://schemas.microsoft.com/identity/claims/scope", "\"files:write\"")]
    public async Task Only_the_claim_scope_says_what_a_token_may(string claim, string value)
    {
        var token = target.Tokens.Forge(claims => claims[claim] = JsonNode.Parse(value));

        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Target.Call("probe_write"), token);
    }

    [Theory]
    [Trait("Attack", "B14")]
    [InlineData("no_such_tool")]
    [InlineData("Probe_write")]
    [InlineData("PROBE_WRITE")]
    [InlineData("probe_write ")]
    [InlineData(" probe_write")]
    [InlineData("probe_write\n")]
    [InlineData("probe_write\u0000")]
    [InlineData("probe-write")]
    [InlineData("pr\u043ebe_write")]
    [InlineData("probe_wr\u0131te")]
    [InlineData("probe\u005fwrite/../probe_read")]
    [InlineData("\uff50robe_write")]
    [InlineData("probe_write\u200b")]
    [InlineData("probe_write\u0301")]
    [InlineData("files/probe_write")]
    [InlineData("")]
    public async Task A_tool_that_is_spelled_otherwise_is_one_that_never_was(string tool)
    {
        // The Mcp-Name header is left to another test: an older client does not send it.
        var replies = new List<Reply>();
        foreach (var token in (string[])[target.TokenWith("files:read files:write"), target.TokenWith("people:read")])
        {
            replies.Add(await target.RefusesAsync(Expected.UnknownTarget, Named(tool), token));
        }

        replies.Add(await target.RefusesAsync(Expected.UnknownTarget, Named("quite_another"), target.Tokens.Forge()));
        Assert.All(replies, reply => Assert.Equal(replies[0].Text, reply.Text));
    }

    [Theory]
    [Trait("Attack", "B16")]
    [InlineData("X-User", "bob")]
    [InlineData("X-Forwarded-User", "bob")]
    [InlineData("X-Remote-User", "bob")]
    [InlineData("X-MS-CLIENT-PRINCIPAL", "eyJhdXRoX3R5cCI6ImFhZCIsImNsYWltcyI6W3sidHlwIjoic3ViIiwidmFsIjoiYm9iIn1dfQ==")]
    [InlineData("X-MS-CLIENT-PRINCIPAL-ID", "b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02")]
    [InlineData("X-MS-CLIENT-PRINCIPAL-NAME", "bob")]
    [InlineData("X-Scope", "files:write")]
    [InlineData("X-Original-URL", "/health/live")]
    [InlineData("X-Client-Cert", "CN=admin")]
    [InlineData("From", "bob@example.test")]
    [InlineData("X-HTTP-Method-Override", "GET")]
    [InlineData("Mcp-Session-Id", "b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02")]
    public async Task No_header_says_who_is_calling(string header, string value)
    {
        var reply = await target.SendAsync(Target.Call("probe_who").WithHeader(header, value), $"Bearer {target.Tokens.Forge()}");

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal($"{Tokens.Alice} {Tokens.Alice} c1 {Target.Held}", Said(reply));
        Assert.DoesNotContain("Mcp-Session-Id", reply.Headers, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(Tokens.Alice, Assert.Single(Records(reply)).GetProperty("subject").GetString());
        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Target.Call("probe_write").WithHeader(header, value), target.Tokens.Forge());
    }

    [Theory]
    [Trait("Attack", "B16")]
    [InlineData("\"user\":\"bob\"")]
    [InlineData("\"sub\":\"bob\",\"scope\":\"files:write\"")]
    [InlineData("\"io.modelcontextprotocol/user\":\"bob\"")]
    [InlineData("\"authorization\":{\"scopes\":[\"files:write\"]}")]
    public async Task No_part_of_the_message_says_who_is_calling(string meta)
    {
        foreach (var legacy in (bool[])[false, true])
        {
            var message = Target.Call("probe_who", legacy);
            var body = legacy
                ? message.Body.Replace("\"params\":{", $"\"params\":{{\"_meta\":{{\"clientInfo\":{{\"name\":\"admin\",\"version\":\"1\"}},{meta}}},", StringComparison.Ordinal)
                : message.Body.Replace("\"_meta\":{", $"\"_meta\":{{{meta},", StringComparison.Ordinal).Replace("\"name\":\"test\"", "\"name\":\"admin\"", StringComparison.Ordinal);

            var reply = await target.SendAsync(message.With(body), $"Bearer {target.Tokens.Forge()}");

            Assert.Equal(HttpStatusCode.OK, reply.Status);
            Assert.Equal($"{Tokens.Alice} {Tokens.Alice} c1 {Target.Held}", Said(reply));
            await target.RefusesAsync(Expected.ScopeMissing("files:write"), Message.List(legacy).With(body.Replace("probe_who", "probe_write", StringComparison.Ordinal))
                .WithHeader("Mcp-Method", "tools/call").WithHeader("Mcp-Name", "probe_write"), target.Tokens.Forge());
        }
    }

    [Theory]
    [Trait("Attack", "own: a name is for people to read")]
    [InlineData("admin")]
    [InlineData("b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02")]
    public async Task A_name_in_the_token_gives_nothing(string name)
    {
        var token = target.Tokens.Forge(claims => (claims["name"], claims["preferred_username"], claims["email"]) = (name, name, name));

        var reply = await target.SendAsync(Target.Call("list_projects"), $"Bearer {token}");

        Assert.Equal(Tokens.Alice, Assert.Single(Records(reply)).GetProperty("subject").GetString());
        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Target.Call("probe_write"), token);
    }

    [Fact]
    [Trait("Attack", "own: ID-17, an application without a person")]
    public async Task A_token_of_an_application_alone_is_refused_without_a_challenge()
    {
        var token = target.Tokens.Forge(claims => (claims["sub"], claims["client_id"], claims["scope"]) = ("c1", "c1", "files:read files:write"));

        foreach (var message in Methods())
        {
            await target.RefusesAsync(Expected.Forbidden("app_only_token"), message, token);
        }
    }

    [Fact]
    [Trait("Attack", "B17")]
    public async Task A_client_that_is_not_on_the_list_gets_nothing_and_no_challenge()
    {
        await using var own = await Target.StartAsync(null, ("Auth:AllowedClients:0", "c2"));
        foreach (var client in (string[])["c1", "C2", "c2 ", "c2,c1", "c", "c22", "\uff43\uff12"])
        {
            var token = own.Tokens.Forge(claims => claims["client_id"] = client);
            foreach (var message in Methods())
            {
                await own.RefusesAsync(Expected.Forbidden("client_not_allowed"), message, token);
            }
        }

        var allowed = await own.SendAsync(Target.Call("probe_read"), $"Bearer {own.Tokens.Forge(claims => claims["client_id"] = "c2")}");
        Assert.Equal(["probe_read"], own.Probes.Of(allowed.Trace));
        await own.RefusesAsync(Expected.Forbidden("client_not_allowed"), Target.Call("probe_read"), own.Tokens.Forge(claims => (claims["azp"], claims["cid"]) = ("c2", "c2")));
    }

    [Theory]
    [Trait("Attack", "B18")]
    [InlineData("throws")]
    [InlineData("throws later")]
    [InlineData("cancels")]
    [InlineData("hangs")]
    public async Task When_the_decision_cannot_be_recorded_the_answer_is_no(string fault)
    {
        await using var own = await Target.StartAsync(services => services.Replace(ServiceDescriptor.Singleton<IAudit>(new BrokenAudit(fault))));

        // Also what would have been refused: a refusal that nobody can find is not one either.
        foreach (var (message, token) in ((Message, string?)[])[(Target.Call("probe_read"), own.Tokens.Forge()), (Target.Call("probe_write"), own.Tokens.Forge()), (Target.Call("probe_read"), null)])
        {
            var reply = await own.SendAsync(message, token is null ? null : $"Bearer {token}");

            own.Answered(Expected.Unavailable, reply);
            own.NothingRan(reply);
            Assert.Contains("Retry-After", reply.Headers, StringComparison.Ordinal);
            if (fault == "hangs")
            {
                break;
            }
        }
    }

    [Theory]
    [Trait("Attack", "B18")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_another_process_holds_the_audit_file_the_answer_is_no(bool first)
    {
        await using var own = await Target.StartAsync();
        if (!first)
        {
            await own.SendAsync(Target.Call("probe_read"), null);
        }

        await using var connection = new SqliteConnection($"Data Source={Path.Combine(own.Server.Storage, "audit.db")};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "begin exclusive";
        await command.ExecuteNonQueryAsync();

        var refused = await own.SendAsync(Target.Call("probe_read"), $"Bearer {own.Tokens.Forge()}");

        command.CommandText = "rollback";
        await command.ExecuteNonQueryAsync();
        own.Answered(Expected.Unavailable, refused);
        own.NothingRan(refused);
        var reply = await own.SendAsync(Target.Call("probe_read"), $"Bearer {own.Tokens.Forge()}");
        Assert.Equal(["probe_read"], own.Probes.Of(reply.Trace));
    }

    [Theory]
    [Trait("Attack", "B19")]
    [InlineData("tools/call", "{\"name\":\"probe_write\",\"arguments\":{}}")]
    [InlineData("tools/call", "{\"name\":\"create_project\",\"arguments\":{\"title\":\"ghost-of-b19\"}}")]
    [InlineData("prompts/get", "{\"name\":\"probe_prompt\"}")]
    [InlineData("resources/read", "{\"uri\":\"probe://secret/fixed\"}")]
    [InlineData("tools/list", "{}")]
    [InlineData("initialize", "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"x\",\"version\":\"1\"}}")]
    [InlineData("ping", "{}")]
    public async Task A_request_without_an_id_is_accepted_and_not_carried_out(string method, string parameters)
    {
        var token = target.TokenWith("files:read files:write projects:read projects:write");

        var reply = await target.RefusesAsync(
            Expected.NotCarriedOut, Message.List(legacy: true).With($$"""{"jsonrpc":"2.0","method":"{{method}}","params":{{parameters}} }"""), token);

        Assert.Empty(reply.Text);
        Assert.DoesNotContain("ghost-of-b19", (await target.SendAsync(Target.Call("list_projects"), $"Bearer {token}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "B19")]
    public async Task A_notification_that_lacks_the_scope_is_told_so_and_not_carried_out() =>
        await target.RefusesAsync(
            Expected.ScopeMissing("files:write"),
            Message.List(legacy: true).With("""{"jsonrpc":"2.0","method":"tools/call","params":{"name":"probe_write"}}"""), target.Tokens.Forge());

    [Theory]
    [Trait("Attack", "own: methods that are not on the map")]
    [InlineData("tools/Call")]
    [InlineData("tools/call ")]
    [InlineData("tools//call")]
    [InlineData("tools/call/")]
    [InlineData("TOOLS/CALL")]
    [InlineData("tool\u017f/call")]
    [InlineData("subscriptions/listen")]
    [InlineData("resources/subscribe")]
    [InlineData("logging/setLevel")]
    [InlineData("tasks/get")]
    [InlineData("tasks/result")]
    [InlineData("sampling/createMessage")]
    [InlineData("elicitation/create")]
    [InlineData("roots/list")]
    [InlineData("rpc.discover")]
    [InlineData("notifications/initialized")]
    [InlineData("")]
    public async Task A_method_that_is_not_served_does_nothing(string method)
    {
        var token = target.TokenWith("files:read files:write");
        var body = $$"""{"jsonrpc":"2.0","id":7,"method":"{{method}}","params":{"name":"probe_write","arguments":{},"uri":"probe://secret/fixed"} }""";

        await target.RefusesAsync(Expected.UnknownMethod(legacy: true), Message.List(legacy: true).With(body), token);
    }

    [Fact]
    [Trait("Attack", "own: GW-06, a list that learns")]
    public async Task The_list_of_tools_is_the_same_before_and_after_a_refusal()
    {
        var token = $"Bearer {target.Tokens.Forge()}";
        var before = await target.SendAsync(Message.List(), token);

        await target.SendAsync(Target.Call("probe_write"), token);

        Assert.Equal(before.Text, (await target.SendAsync(Message.List(), token)).Text);
    }

    [Fact]
    [Trait("Attack", "own: a token that changes on one connection")]
    public async Task Each_request_of_a_connection_is_decided_on_by_itself()
    {
        const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write"}}""";
        string Request(string token) =>
            $"POST /mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\nAuthorization: Bearer {token}\ntraceparent: 00-{{trace}}-00f067aa0ba902b7-01\n"
            + $"Content-Type: application/json\nAccept: application/json, text/event-stream\nContent-Length: {Body.Length}\n\n{Body}";

        var trace = System.Diagnostics.ActivityTraceId.CreateRandom().ToHexString();
        var answer = await RawHttp.SendAsync(target.Server.Url, RawHttp.Replace(
            RawHttp.Bytes(Request(target.TokenWith("files:write")) + Request(target.TokenWith("files:read")) + Request("sk-fake")), "{trace}", trace));

        Assert.Equal(3, answer.Responses);
        Assert.Matches("(?s)^HTTP/1.1 200 .*HTTP/1.1 403 .*HTTP/1.1 401 ", answer.Text);
        Assert.Equal(["probe_write"], target.Probes.Of(trace));
    }

    [Fact]
    [Trait("Attack", "own: two people at once, some of whom hang up")]
    public async Task However_many_call_at_once_each_is_who_his_token_says()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            var (subject, client) = (i % 2 == 0 ? Tokens.Alice : Tokens.Bob, $"client-{i}");
            var token = target.Tokens.Forge(claims => (claims["sub"], claims["client_id"]) = (subject, client));
            var message = Target.Call("probe_who", legacy: i % 3 == 0);
            if (i % 5 == 0)
            {
                using var hangUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(i % 7));
                using var request = message.ToRequest(new Uri(target.Server.Resource), token);
                try
                {
                    using var response = await target.Server.Http.SendAsync(request, hangUp.Token);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }

            var reply = await target.SendAsync(message.With(message.Body.Replace("\"id\":7", $"\"id\":{i}", StringComparison.Ordinal)), $"Bearer {token}");

            Assert.Equal($"{subject} {subject} {client} {Target.Held}", Said(reply));
            Assert.Equal(i, reply.Body.GetProperty("id").GetInt32());
        }));
    }

    private static Message Named(string tool) => Message.List(legacy: true).With(
        new JsonObject { ["jsonrpc"] = "2.0", ["id"] = 7, ["method"] = "tools/call", ["params"] = new JsonObject { ["name"] = tool, ["arguments"] = new JsonObject() } }.ToJsonString());

    private static IEnumerable<Message> Methods() =>
    [
        Target.Call("probe_read"), Target.Call("probe_write", legacy: true), Target.Call("no_such_tool"), Message.List(), Message.List(legacy: true),
        Message.Of("server/discover", []), Message.Of("ping", [], legacy: true), Message.Of("no/such", [], legacy: true), Message.Of("prompts/list", []),
        Message.Of("initialize", new JsonObject { ["protocolVersion"] = "2025-11-25", ["capabilities"] = new JsonObject(), ["clientInfo"] = new JsonObject { ["name"] = "c2", ["version"] = "1" } }, legacy: true),
        Message.List(legacy: true).With("""{"jsonrpc":"2.0","method":"notifications/initialized"}"""),
        Message.List(legacy: true).With("""{"jsonrpc":"2.0","method":"tools/call","params":{"name":"probe_write"}}"""),
    ];

    private static string Said(Reply reply) => reply.Body.GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString()!;

    private IEnumerable<System.Text.Json.JsonElement> Records(Reply reply) =>
        target.Server.AuditRows().Where(row => row.GetProperty("client_trace_id").GetString() == reply.Trace);

    private sealed class BrokenAudit(string fault) : IAudit
    {
        public void Follow(AuditRecord record)
        {
        }

        public async Task<long> RecordAsync(AuditRecord record, CancellationToken cancellationToken)
        {
            if (record.Kind == "configuration")
            {
                // It broke after the start.
                return 0;
            }

            if (fault == "throws")
            {
                throw new ProblemException("Data Source=/tmp/secret.db is broken");
            }

            if (fault == "cancels")
            {
                throw new OperationCanceledException();
            }

            await Task.Delay(fault == "hangs" ? TimeSpan.FromMinutes(1) : TimeSpan.Zero, cancellationToken);
            await Task.Yield();
            throw new IOException("/tmp/secret.db");
        }
    }
}
