using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What happens when the gateway's own parts fail: refusal, and no tool runs.</summary>
public sealed class GatewayFaultTests
{
    private readonly Probe _probe = new();

    [Fact]
    public async Task When_the_audit_fails_nothing_is_carried_out()
    {
        await using var server = await StartAsync(new FailingAudit(_ => throw new IOException("disk full at /var/secret")));

        var answer = await server.CallAsync(server.Tokens.Forge(), "probe", new { });

        Assert.Equal((HttpStatusCode.ServiceUnavailable, 503), (answer.Status, answer.ErrorCode));
        Assert.Equal("5", answer.Headers["Retry-After"]);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        Assert.Equal(0, _probe.Runs);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.SendAsync(null, Message.List())).Status);
    }

    [Fact]
    public async Task When_the_audit_hangs_the_answer_comes_within_the_deadline_and_is_no()
    {
        await using var server = await StartAsync(new FailingAudit(cancellation => Task.Delay(Timeout.Infinite, cancellation)));
        var watch = Stopwatch.StartNew();

        var answer = await server.CallAsync(server.Tokens.Forge(), "probe", new { });

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.InRange(watch.Elapsed.TotalSeconds, 9, 14);
        Assert.Equal(0, _probe.Runs);
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe","arguments":{}}}""", 1)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"other_probe","arguments":{}}}""", 0)]
    [InlineData("""{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"probe","arguments":{}}}""", 0)]
    [InlineData("""{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"probe","arguments":{}}}""", 0)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/list"}""", 0)]
    public async Task The_second_lock_lets_pass_only_the_message_that_was_decided_on(string body, int runs)
    {
        var other = new Probe();
        await using var server = await Server.StartAsync(services => services
            .AddSingleton(_probe.Tool()).AddSingleton(other.Tool("other_probe"))
            .AddSingleton<IAuthorizationMiddlewareResultHandler>(provider => new Swap(provider.GetRequiredService<GatewayAnswers>(), body)));

        var answer = await server.CallAsync(server.Tokens.Forge(), "probe", new { }, legacy: true);

        Assert.Equal((runs, 0), (_probe.Runs, other.Runs));
        if (runs == 0)
        {
            Assert.Equal((-32603, "The server refused a request that was not decided on."), (answer.ErrorCode, answer.ErrorMessage));
        }
    }

    [Fact]
    public async Task The_second_lock_compares_what_is_listened_to_and_what_is_completed()
    {
        var listen = Listening.Message("project://welcome/readme.md");
        var complete = Message.Of("completion/complete", new JsonObject
        {
            ["ref"] = new JsonObject { ["type"] = "ref/prompt", ["name"] = "find_in_project" },
            ["argument"] = new JsonObject { ["name"] = "project", ["value"] = "w" },
        });
        foreach (var (message, decided, swapped) in ((Message, string, string)[])
        [
            (listen, "welcome/readme.md", "secret/readme.md"), (listen, "resourceSubscriptions\":[", "resourceSubscriptions\":[\"project://secret\","),
            (complete, "find_in_project", "review_changes"), (complete, "\"project\"", "\"path\""), (complete, "\"w\"", "\"x\""),
        ])
        {
            Assert.Contains(decided, message.Body, StringComparison.Ordinal);
            await using var server = await Server.StartAsync(services => services.AddSingleton<IAuthorizationMiddlewareResultHandler>(
                provider => new Swap(provider.GetRequiredService<GatewayAnswers>(), message.Body.Replace(decided, swapped, StringComparison.Ordinal))));

            var answer = await server.SendAsync(server.Tokens.Forge(), message);

            Assert.Equal((-32603, "The server refused a request that was not decided on."), (answer.ErrorCode, answer.ErrorMessage));
        }
    }

    [Fact]
    public async Task The_second_lock_refuses_what_came_past_the_gateway()
    {
        await using var server = await Server.StartAsync(services => services
            .AddSingleton(_probe.Tool())
            .AddSingleton<IAuthorizationMiddlewareResultHandler, LetAllPass>());

        // Without a token at all: as if somebody had forgotten to require the gateway.
        var answer = await server.CallAsync(null, "probe", new { }, legacy: true);

        Assert.Equal(-32603, answer.ErrorCode);
        Assert.Equal(0, _probe.Runs);
    }

    private Task<Server> StartAsync(IAudit audit) =>
        Server.StartAsync(services => services.AddSingleton(_probe.Tool()).AddSingleton(audit));

    private sealed class FailingAudit(Func<CancellationToken, Task> record) : IAudit
    {
        public async Task<long> RecordAsync(AuditRecord item, CancellationToken cancellationToken)
        {
            // It fails once the server has started.
            await (item.Kind == "configuration" ? Task.CompletedTask : record(cancellationToken));
            return 0;
        }

        public void Follow(AuditRecord item)
        {
        }
    }

    /// <summary>Another message gets to the SDK than the one that was decided on.</summary>
    private sealed class Swap(GatewayAnswers inner, string body) : IAuthorizationMiddlewareResultHandler
    {
        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            inner.HandleAsync(
                swapped =>
                {
                    swapped.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
                    return next(swapped);
                },
                context, policy, authorizeResult);
    }

    private sealed class LetAllPass : IAuthorizationMiddlewareResultHandler
    {
        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) => next(context);
    }
}
