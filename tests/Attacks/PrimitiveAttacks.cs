using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block B for what is not a tool: resources, prompts and completions go through the same gateway.</summary>
public sealed class PrimitiveAttacks(Target target)
{
    [Theory]
    [Trait("Attack", "B01")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_prompt_and_a_resource_take_their_scope_as_a_tool_does(bool legacy)
    {
        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Prompt("probe_prompt", legacy), target.Tokens.Forge());
        await target.RefusesAsync(Expected.ScopeMissing("files:write"), Resource("probe://secret/fixed", legacy), target.Tokens.Forge());
        await target.RefusesAsync(Expected.ScopeMissing("files:read"), Resource("probe://open/5", legacy), target.TokenWith("files:write"));
        await target.RefusesAsync(Expected.NoToken, Resource("probe://open/5", legacy), null);

        var token = $"Bearer {target.TokenWith("files:write")}";
        Assert.Equal(["probe_prompt"], target.Probes.Of((await target.SendAsync(Prompt("probe_prompt", legacy), token)).Trace));
        Assert.Equal(["probe_secret"], target.Probes.Of((await target.SendAsync(Resource("probe://secret/fixed", legacy), token)).Trace));
    }

    [Theory]
    [Trait("Attack", "B14")]
    [InlineData("probe_prompt2")]
    [InlineData("Probe_Prompt")]
    [InlineData("probe_prompt ")]
    [InlineData("pr\u043ebe_prompt")]
    [InlineData("probe_write")]
    public async Task A_prompt_that_is_spelled_otherwise_is_one_that_never_was(string prompt)
    {
        var replies = new[] { target.TokenWith("files:write"), target.TokenWith("people:read") }
            .Select(token => target.RefusesAsync(Expected.UnknownTarget, Prompt(prompt, legacy: true), token));

        Assert.Single((await Task.WhenAll(replies)).Select(reply => reply.Text).Distinct());
    }

    [Theory]
    [Trait("Attack", "own: addresses that look like the secret one")]
    [InlineData("probe://secret/fixed/")]
    [InlineData("probe://secret/fixed?x=1")]
    [InlineData("probe://secret/fixed#x")]
    [InlineData("probe://secret//fixed")]
    [InlineData("probe://secret/./fixed")]
    [InlineData("probe://open/../secret/fixed")]
    [InlineData("probe://open/%2e%2e/secret/fixed")]
    [InlineData("probe://secret/%66ixed")]
    [InlineData("probe://secret/FIXED")]
    [InlineData("PROBE://secret/fixed")]
    [InlineData("probe://SECRET/fixed")]
    [InlineData("probe://user@secret/fixed")]
    [InlineData("probe://secret:80/fixed")]
    [InlineData("probe:secret/fixed")]
    [InlineData(" probe://secret/fixed")]
    [InlineData("probe://secret/fixed ")]
    [InlineData("probe://secret/fixed\n")]
    [InlineData("probe://secret/fixed\u0000")]
    [InlineData("probe://s\u0435cret/fixed")]
    [InlineData("probe:\\\\secret\\fixed")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("probe_secret")]
    [InlineData("")]
    public async Task Whatever_an_address_looks_like_the_secret_resource_takes_its_scope(string uri)
    {
        foreach (var token in (string[])[target.Tokens.Forge(), target.TokenWith("people:read")])
        {
            var reply = await target.SendAsync(Resource(uri, legacy: true), $"Bearer {token}");

            Assert.DoesNotContain("probe_secret", target.Probes.Of(reply.Trace));
            Assert.Contains((int)reply.Status, (int[])[200, 403]);
            Assert.False(reply.IsResult && token != target.Tokens.Forge() && !target.Probes.Of(reply.Trace).Any());
            Assert.Contains(reply.ErrorCode, (int?[])[-32602, 403]);
        }
    }

    [Theory]
    [Trait("Attack", "own: variables of an address")]
    [InlineData("probe://open/")]
    [InlineData("probe://open/a/b")]
    [InlineData("probe://open/..")]
    [InlineData("probe://open/%2e%2e%2fsecret")]
    [InlineData("probe://open/a?b=c")]
    [InlineData("probe://open/a%00b")]
    [InlineData("probe://open/%")]
    [InlineData("probe://open/%zz")]
    [InlineData("probe://open/%c0%af")]
    [InlineData("probe://open/{id}")]
    [InlineData("probe://open/$1")]
    [InlineData("probe://open/(a+)+b")]
    public async Task A_template_lets_nobody_in_without_its_scope_and_answers_plainly(string uri)
    {
        var refused = await target.SendAsync(Resource(uri, legacy: true), $"Bearer {target.TokenWith("people:read")}");
        target.NothingRan(refused);
        Assert.Contains(refused.ErrorCode, (int?[])[-32602, 403]);

        var allowed = await target.SendAsync(Resource(uri, legacy: true), $"Bearer {target.Tokens.Forge()}");
        Assert.Equal(HttpStatusCode.OK, allowed.Status);
        Target.Silent(allowed);
    }

    [Fact]
    [Trait("Attack", "own: templates that overlap")]
    public async Task Where_two_templates_fit_the_one_that_was_decided_on_is_the_one_that_runs()
    {
        // Each pair fits the same address and takes different scopes. Whichever the SDK takes, the caller must hold its scope.
        var probes = new Probes();
        await using var own = await Target.StartAsync(services =>
        {
            for (var i = 0; i < 40; i++)
            {
                var (first, second) = i % 2 == 0 ? ($"pair{i}://{{a}}/x", $"pair{i}://{{+rest}}") : ($"pair{i}://{{+rest}}", $"pair{i}://{{a}}/x");
                foreach (var (template, read) in ((string, bool)[])[(first, true), (second, false)])
                {
                    var run = (IHttpContextAccessor http) =>
                    {
                        probes.Ran(http, read ? "files:read" : "files:write");
                        return "x";
                    };
                    services.AddSingleton(provider => McpServerResource.Create(run, new()
                    {
                        Services = provider,
                        UriTemplate = template,
                        Name = template,
                        Metadata = [new RequiresScopeAttribute(read ? Scopes.FilesRead : Scopes.FilesWrite)],
                    }));
                }
            }
        });
        var (wrong, ran) = (new List<string>(), 0);

        for (var i = 0; i < 40; i++)
        {
            foreach (var scope in (string[])["files:read", "files:write"])
            {
                var reply = await own.SendAsync(Resource($"pair{i}://a/x", legacy: true), $"Bearer {own.TokenWith(scope)}");
                ran += probes.Of(reply.Trace).Count();
                wrong.AddRange(probes.Of(reply.Trace).Where(taken => taken != scope).Select(taken => $"pair{i}: what takes {taken} ran with {scope}"));
            }
        }

        Assert.NotEqual(0, ran);
        Assert.Empty(wrong);
    }

    [Theory]
    [Trait("Attack", "own: GW-01, completions")]
    [InlineData("""{"type":"ref/prompt","name":"probe_prompt"}""")]
    [InlineData("""{"type":"ref/resource","uri":"probe://secret/fixed"}""")]
    [InlineData("""{"type":"ref/resource","uri":"probe://open/{id}"}""")]
    [InlineData("""{"type":"ref/prompt","name":"no_such_prompt"}""")]
    [InlineData("""{"type":"ref/tool","name":"probe_write"}""")]
    [InlineData("""{"type":"ref/prompt","name":"probe_prompt","uri":"probe://open/{id}"}""")]
    [InlineData("""{"type":"ref/resource","name":"probe_prompt","uri":"probe://secret/fixed"}""")]
    [InlineData("""{"Type":"ref/prompt","name":"probe_prompt"}""")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("5")]
    public async Task A_completion_tells_nothing_of_what_the_caller_may_not_have(string reference)
    {
        foreach (var legacy in (bool[])[false, true])
        {
            var message = Message.Of("completion/complete", new JsonObject { ["ref"] = JsonNode.Parse(reference), ["argument"] = new JsonObject { ["name"] = "id", ["value"] = "" } }, legacy: legacy);

            var reply = await target.SendAsync(message, $"Bearer {target.TokenWith("people:read")}");

            target.NothingRan(reply);
            Assert.NotNull(reply.ErrorCode);
            target.Recorded(reply.Trace, "deny|challenge".Split('|').Single(decision => Decision(reply) == decision), "scope_missing|unknown_target|invalid_params|malformed_message");
        }
    }

    [Theory]
    [Trait("Attack", "own: parameters of another kind")]
    [InlineData("resources/read", """{"name":"probe_secret"}""")]
    [InlineData("resources/read", """{"uri":5}""")]
    [InlineData("resources/read", """{"uri":["probe://secret/fixed"]}""")]
    [InlineData("resources/read", """{"uri":null}""")]
    [InlineData("resources/read", "{}")]
    [InlineData("prompts/get", """{"uri":"probe://secret/fixed"}""")]
    [InlineData("prompts/get", """{"name":["probe_prompt"]}""")]
    [InlineData("prompts/get", """{"name":null}""")]
    [InlineData("prompts/get", "{}")]
    [InlineData("tools/call", """{"uri":"probe_write"}""")]
    [InlineData("tools/call", """{"name":["probe_write"]}""")]
    [InlineData("tools/call", """{"name":{"name":"probe_write"}}""")]
    [InlineData("tools/call", """{"name":null}""")]
    [InlineData("tools/call", """{"tool":"probe_write"}""")]
    [InlineData("tools/call", "{}")]
    public async Task What_is_not_named_by_a_text_is_not_found(string method, string parameters)
    {
        var reply = await target.SendAsync(
            Message.List(legacy: true).With($$"""{"jsonrpc":"2.0","id":7,"method":"{{method}}","params":{{parameters}} }"""), $"Bearer {target.TokenWith("files:read files:write")}");

        target.NothingRan(reply);
        Assert.Equal(-32602, reply.ErrorCode);
        target.Recorded(reply.Trace, "deny", "unknown_target|malformed_message|[a-z_]+");
    }

    [Fact]
    [Trait("Attack", "own: prompts and resources as notifications")]
    public async Task Nothing_that_is_listed_says_what_is_in_it()
    {
        foreach (var method in (string[])["tools/list", "prompts/list", "resources/list", "resources/templates/list"])
        {
            var reply = await target.SendAsync(Message.Of(method, []), $"Bearer {target.TokenWith("people:read")}");

            // Which projects there are is somebody's own, and takes a scope.
            Assert.Equal(method == "resources/list" ? HttpStatusCode.Forbidden : HttpStatusCode.OK, reply.Status);
            target.NothingRan(reply);
        }
    }

    private static Message Prompt(string name, bool legacy) => Message.Of("prompts/get", new JsonObject { ["name"] = name }, name, legacy);

    private static Message Resource(string uri, bool legacy) => Message.Of("resources/read", new JsonObject { ["uri"] = uri }, uri, legacy);

    private string? Decision(Reply reply) =>
        target.Server.AuditRows().Where(row => row.GetProperty("client_trace_id").GetString() == reply.Trace).Select(row => row.GetProperty("decision").GetString()).FirstOrDefault();
}
