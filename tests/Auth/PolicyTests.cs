using System.Collections.Concurrent;
using System.Net;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace McpFilesServer.Tests.Auth;

public sealed class PolicyTests(Server server)
{
    [Theory]
    [InlineData("projects:readall")]
    [InlineData("PROJECTS:READ")]
    [InlineData("projects:read,files:read")]
    [InlineData("xprojects:read")]
    [InlineData("projects:read\tfiles:read")]
    [InlineData("projects")]
    [InlineData("*")]
    [InlineData("")]
    public async Task A_scope_is_held_exactly_or_not_at_all(string scope)
    {
        var answer = await server.CallAsync(server.Tokens.Forge(claims => claims["scope"] = scope), "list_projects", new { });

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Contains("scope=\"projects:read\"", answer.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_listed_clients_may_call_when_clients_are_listed()
    {
        await using var own = await Server.StartAsync(settings: [("Auth:AllowedClients:0", "c1"), ("Auth:AllowedClients:1", "c2")]);

        Assert.Equal(HttpStatusCode.OK, (await own.SendAsync(own.Tokens.Forge(), Message.List())).Status);
        foreach (var client in (string[])["c3", "C1", "c1 "])
        {
            var answer = await own.SendAsync(own.Tokens.Forge(claims => claims["client_id"] = client), Message.List());

            Assert.Equal((HttpStatusCode.Forbidden, 403, ""), (answer.Status, answer.ErrorCode, answer.Challenge));
            Assert.Equal("client_not_allowed", own.AuditRows()[^1].GetProperty("reason").GetString());
        }
    }

    [Fact]
    public async Task A_client_that_acts_for_nobody_is_refused_without_a_challenge()
    {
        var answer = await server.CallAsync(server.Tokens.Forge(claims => claims["sub"] = "c1"), "list_projects", new { });

        Assert.Equal((HttpStatusCode.Forbidden, 403, ""), (answer.Status, answer.ErrorCode, answer.Challenge));
    }

    [Fact]
    public async Task Nothing_but_the_token_says_who_calls()
    {
        var bob = server.Tokens.Forge(claims => claims["sub"] = "nobody-yet");
        var message = Message.List(legacy: true).With(
            """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_projects","arguments":{},"_meta":{"user":"alice","sub":"7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01"}}}""")
            .WithHeader("X-User", "alice").WithHeader("X-MS-CLIENT-PRINCIPAL", "YWxpY2U=").WithHeader("X-Forwarded-User", "alice");

        var answer = await server.SendAsync(bob, message);

        Assert.Equal("""{"projects":[],"truncated":false}""", answer.Content);
    }

    [Fact]
    public async Task The_list_of_tools_is_the_same_for_everybody_and_every_time_and_is_private()
    {
        var token = server.Tokens.Forge();
        var first = await server.SendAsync(token, Message.List());
        await server.CallAsync(token, "list_projects", new { });
        using var connection = new HttpClient();
        using var request = Message.List().ToRequest(new Uri(server.Resource), token);
        var second = await Answer.ReadAsync(await connection.SendAsync(request));

        Assert.Equal(first.Text, second.Text);
        Assert.Equal("private", first.Result.GetProperty("cacheScope").GetString());
        Assert.Contains("no-store", first.Headers["Cache-Control"], StringComparison.Ordinal);
        Assert.Contains("create_project", first.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_id_grants_nothing_and_is_not_given_out()
    {
        var message = Message.List(legacy: true).WithHeader("Mcp-Session-Id", "AAAAAAAAAAAAAAAAAAAAAA");

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(null, message)).Status);
        var answer = await server.SendAsync(server.Tokens.Forge(), message);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.False(answer.Headers.ContainsKey("Mcp-Session-Id"));
    }

    [Fact]
    public async Task With_legacy_clients_off_only_the_newest_version_is_served()
    {
        await using var own = await Server.StartAsync(settings: ("Mcp:LegacyClients", "false"));
        var token = own.Tokens.Forge();

        Assert.Equal(HttpStatusCode.OK, (await own.SendAsync(token, Message.List())).Status);
        foreach (var version in (string?[])["2025-11-25", "2025-03-26", null])
        {
            var answer = await own.SendAsync(token, Message.List(legacy: true).WithHeader("MCP-Protocol-Version", version));
            Assert.Equal((HttpStatusCode.BadRequest, -32022), (answer.Status, answer.ErrorCode));
            Assert.Equal(["2026-07-28"], answer.Body.GetProperty("error").GetProperty("data").GetProperty("supported").EnumerateArray().Select(item => item.GetString()));
        }
    }

    [Theory]
    [InlineData("GET", HttpStatusCode.MethodNotAllowed)]
    [InlineData("PUT", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", HttpStatusCode.MethodNotAllowed)]
    [InlineData("TRACE", HttpStatusCode.MethodNotAllowed)]
    public async Task Other_methods_than_POST_are_not_allowed(string method, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), server.Resource);
        request.Headers.Authorization = new("Bearer", server.Tokens.Forge());

        Assert.Equal(status, (await server.Http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Two_tokens_in_one_request_are_refused()
    {
        using var request = Message.List().ToRequest(new Uri($"{server.Resource}?access_token={server.Tokens.Forge()}"), server.Tokens.Forge());
        var both = await Answer.ReadAsync(await server.Http.SendAsync(request));
        using var alone = Message.List().ToRequest(new Uri($"{server.Resource}?access_token={server.Tokens.Forge()}"), null);

        Assert.Equal((HttpStatusCode.BadRequest, -32600), (both.Status, both.ErrorCode));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.SendAsync(alone)).StatusCode);
    }

    [Fact]
    public async Task A_token_appears_in_no_log_no_audit_and_no_answer()
    {
        var log = new LogLines();
        await using var own = await Server.StartAsync(services =>
        {
            services.AddSingleton<ILoggerProvider>(log);
            services.Configure<LoggerFilterOptions>(options =>
            {
                options.MinLevel = LogLevel.Trace;
                options.Rules.Clear();
            });
        });
        var good = await own.Tokens.OfAsync("alice", "files:read people:read");
        var bad = own.Tokens.Forge(claims => claims["aud"] = "other");

        var answers = new[]
        {
            await own.CallAsync(good, "find_people", new { query = "al" }), await own.CallAsync(good, "create_project", new { title = "x" }),
            await own.CallAsync(bad, "list_projects", new { }), await own.CallAsync(good, "read_text_file", new { project = "welcome", path = "readme.md" }),
        };

        var everything = string.Join('\n', log.Lines.Concat(answers.Select(answer => answer.Text)).Concat(own.AuditRows().Select(row => row.GetRawText())));
        Assert.NotEmpty(log.Lines);
        Assert.All((string[])[good, bad], token => Assert.DoesNotContain(token.Split('.')[2], everything, StringComparison.Ordinal));
        Assert.DoesNotContain(await File.ReadAllTextAsync(Path.Combine(own.Storage, "dev", "server.secret")), everything, StringComparison.Ordinal);
    }

    /// <summary>Every line that anything logs, at the finest level.</summary>
    private sealed class LogLines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
