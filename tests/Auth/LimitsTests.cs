using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Auth;

public sealed class LimitsTests
{
    private const string All = "files:read files:write projects:read projects:write people:read";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_call_after_the_last_one_is_refused_and_told_when_and_nobody_else_is(bool legacy)
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "5"));
        var (alice, bob) = (Token(server), Token(server, Tokens.Bob));
        for (var i = 0; i < 5; i++)
        {
            Assert.False((await server.CallAsync(alice, "list_projects", new { }, legacy)).IsError);
        }

        var refused = await server.CallAsync(alice, "list_projects", new { }, legacy);

        Assert.Equal((HttpStatusCode.TooManyRequests, 429, ""), (refused.Status, refused.ErrorCode, refused.Challenge));
        Assert.Equal(7, refused.Body.GetProperty("id").GetInt32());
        Assert.Equal($"Too many calls in a short time. Try again in {RetryAfter(refused)} seconds.", refused.ErrorMessage);
        Assert.InRange(RetryAfter(refused), 2, 13);
        var row = server.AuditRows()[^1];
        Assert.Equal(("deny", "quota_calls", "list_projects"), (row.GetProperty("decision").GetString(), row.GetProperty("reason").GetString(), row.GetProperty("target").GetString()));
        Assert.False((await server.CallAsync(bob, "list_projects", new { }, legacy)).IsError);
        // And he himself can still see what there is.
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(alice, Message.List(legacy))).Status);
    }

    [Fact]
    public async Task After_the_time_that_it_said_a_call_goes_through_again()
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "60"));
        var alice = Token(server);
        Answer answer;
        do
        {
            answer = await server.CallAsync(alice, "list_projects", new { });
        }
        while (answer.Status == HttpStatusCode.OK);

        await Task.Delay(TimeSpan.FromSeconds(RetryAfter(answer)));

        Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(alice, "list_projects", new { })).Status);
    }

    [Fact]
    public async Task What_changes_something_has_a_half_and_what_goes_downstream_a_tenth()
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "20"));
        var alice = Token(server);

        var changing = await SendUntilRefusedAsync(server, alice, Message.Call("create_project", new { title = "One" }));
        var downstream = await SendUntilRefusedAsync(server, alice, Message.Call("find_people", new { query = "bob" }));
        var reading = await SendUntilRefusedAsync(server, alice, Message.Call("list_projects", new { }));
        var protocol = await SendUntilRefusedAsync(server, alice, Message.List());

        Assert.Equal([("quota_changing", 10), ("quota_downstream", 2), ("quota_protocol", 20)], [changing, downstream, protocol]);
        // What was refused for its kind has taken a call, too.
        Assert.Equal(("quota_calls", 20 - 11 - 3), reading);
    }

    [Theory]
    [InlineData("calls", "create_project", HttpStatusCode.Forbidden)]
    [InlineData("protocol", "no_such_tool", HttpStatusCode.OK)]
    [InlineData("protocol", "{", HttpStatusCode.BadRequest)]
    [InlineData("protocol", "", HttpStatusCode.BadRequest)]
    public async Task What_is_refused_costs_too(string share, string what, HttpStatusCode refused)
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "12"));
        var message = what is "{" or "" ? Message.List().With(what) : Message.Call(what, new { });
        var reader = Token(server, scopes: "projects:read");

        Assert.Equal(refused, (await server.SendAsync(reader, message)).Status);
        var (reason, count) = await SendUntilRefusedAsync(server, reader, message);

        Assert.Equal((share == "calls" ? ("quota_changing", 5) : ("quota_protocol", 11)), (reason, count));
    }

    [Fact]
    public async Task One_call_more_at_once_is_refused_and_nobody_elses_and_a_seat_is_free_when_a_call_has_ended()
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:ConcurrentCalls", "2"));
        var (alice, bob) = (Token(server), Token(server, Tokens.Bob));
        var running = (Task<Answer>[])[server.CallAsync(alice, "slow_probe", new { }), server.CallAsync(alice, "slow_probe", new { })];
        await slow.RunsAsync(2);

        var refused = await server.CallAsync(alice, "list_projects", new { });
        var other = await server.CallAsync(bob, "list_projects", new { });
        slow.LetGo();
        await Task.WhenAll(running);

        Assert.Equal((HttpStatusCode.TooManyRequests, 429, 1), (refused.Status, refused.ErrorCode, RetryAfter(refused)));
        Assert.Equal(HttpStatusCode.OK, other.Status);
        Assert.Contains(server.AuditRows(), row => row.GetProperty("reason").GetString() == "quota_concurrent_calls");
        Assert.All(running, call => Assert.Equal("done", call.Result.Content));
        await NothingRunsAsync(server);
        Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(alice, "list_projects", new { })).Status);
    }

    [Fact]
    public async Task When_all_seats_are_taken_the_answer_does_not_tell_whose_they_are()
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:ConcurrentCalls", "2"), ("Limits:TotalConcurrentCalls", "3"));
        var (alice, bob) = (Token(server), Token(server, Tokens.Bob));
        var running = (Task<Answer>[])[server.CallAsync(alice, "slow_probe", new { }), server.CallAsync(alice, "slow_probe", new { }), server.CallAsync(bob, "slow_probe", new { })];
        await slow.RunsAsync(3);

        var own = await server.CallAsync(alice, "list_projects", new { });
        var full = await server.CallAsync(bob, "list_projects", new { });
        slow.LetGo();
        await Task.WhenAll(running);

        Assert.Equal(HttpStatusCode.TooManyRequests, full.Status);
        Assert.Equal(own.Text, full.Text);
        Assert.Equal(own.Headers.Keys.Order(), full.Headers.Keys.Order());
        Assert.Equal(own.Headers["Retry-After"], full.Headers["Retry-After"]);
        Assert.Contains(server.AuditRows(), row => row.GetProperty("reason").GetString() == "quota_server");
        await NothingRunsAsync(server);
    }

    [Theory]
    [InlineData("out")]
    [InlineData("in")]
    public async Task A_call_that_uses_up_the_bytes_is_finished_and_the_next_one_waits_until_the_debt_is_paid(string direction)
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(
            services =>
            {
                clock.Replace(services);
                services.AddSingleton(McpServerTool.Create(Large, Declared.Tool("large")));
            },
            ("Limits:BytesPerMinute", "60000"));
        var alice = Token(server);
        var large = new string('x', 180_000);

        var first = await server.CallAsync(alice, "large", direction == "out" ? new { text = "", count = large.Length } : new { text = large, count = 2 });
        var refused = await server.CallAsync(alice, "large", new { text = "", count = 1 });
        var other = await server.CallAsync(Token(server, Tokens.Bob), "large", new { text = "", count = 1 });
        clock.Advance(TimeSpan.FromSeconds(RetryAfter(refused)));
        // As old as before, for the new time.
        var paid = await server.CallAsync(Token(server, ahead: TimeSpan.FromSeconds(RetryAfter(refused))), "large", new { text = "", count = 1 });

        Assert.Equal(direction == "out" ? large.Length : 2, first.Content.Length);
        Assert.Equal((HttpStatusCode.TooManyRequests, 429), (refused.Status, refused.ErrorCode));
        Assert.StartsWith("Too much was read and written in a short time.", refused.ErrorMessage, StringComparison.Ordinal);
        Assert.InRange(RetryAfter(refused), 115, 130);
        Assert.Equal("quota_bytes", server.AuditRows().Single(row => row.GetProperty("decision").GetString() == "deny").GetProperty("reason").GetString());
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (other.Status, paid.Status));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_that_takes_too_long_is_stopped_and_says_so(bool legacy)
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:CallTimeout", "00:00:01"));

        var answer = await server.CallAsync(Token(server), "slow_probe", new { }, legacy);

        Assert.StartsWith("This took longer than the server allows and was stopped.", answer.Failure, StringComparison.Ordinal);
        Assert.Equal(0, slow.Running);
        await NothingRunsAsync(server);
    }

    [Fact]
    public async Task Thousands_of_calls_that_are_aborted_leave_nothing_behind()
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:ConcurrentCalls", "40"));
        var alice = Token(server);

        await Parallel.ForAsync(0, 2000 * Scale.Factor, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            using var impatience = new CancellationTokenSource(i % 40);
            using var request = Message.Call("slow_probe", new { }, legacy: i % 2 == 0).ToRequest(new Uri(server.Resource), alice);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                using var response = await server.Http.SendAsync(request, impatience.Token);
                // Its own calls of a moment ago may still be ending.
                Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
                await Task.Delay(Timeout.Infinite, impatience.Token);
            });
        });

        await NothingRunsAsync(server);
        Assert.Equal(0, slow.Running);
        var all = Enumerable.Range(0, 40).Select(_ => server.CallAsync(alice, "slow_probe", new { })).ToList();
        await slow.RunsAsync(40);
        slow.LetGo();
        Assert.All(await Task.WhenAll(all), answer => Assert.Equal("done", answer.Content));
    }

    [Fact]
    public async Task A_seat_is_given_back_also_when_the_gateway_the_audit_or_the_tool_fails()
    {
        var audit = new BrokenAudit();
        await using var server = await Server.StartAsync(
            services => services.AddSingleton<IAudit>(audit).AddSingleton(McpServerTool.Create(Broken, Declared.Tool("broken"))),
            ("Limits:ConcurrentCalls", "1"));
        var alice = Token(server);

        for (var i = 0; i < 3; i++)
        {
            audit.Fails = true;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.CallAsync(alice, "list_projects", new { })).Status);
            audit.Fails = false;
            Assert.Equal(HttpStatusCode.Forbidden, (await server.CallAsync(Token(server, scopes: "files:read"), "list_projects", new { })).Status);
            Assert.True((await server.CallAsync(alice, "broken", new { })).IsError);
            Assert.Equal(HttpStatusCode.BadRequest, (await server.SendAsync(alice, Message.List().With("{"))).Status);
        }

        await NothingRunsAsync(server);
    }

    [Fact]
    public async Task An_assistant_that_is_busy_does_not_meet_the_defaults()
    {
        await using var server = await StartWithDefaultsAsync();
        var alice = Token(server);

        // Twenty helpers that look around, and then forty small changes at once.
        var answers = new ConcurrentBag<Answer>();
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (_, _) =>
            answers.Add(await server.CallAsync(alice, "list_directory", new { project = "welcome" })));
        await Parallel.ForAsync(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 40 }, async (i, _) =>
            answers.Add(await server.CallAsync(alice, "write_file", new { project = "welcome", path = $"busy-{i}.md", content = "x" })));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.All(answers, answer => Assert.False(answer.IsError));
    }

    [Fact]
    public async Task Who_hammers_at_his_limit_does_not_fill_the_audit()
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "10"));
        var alice = Token(server);

        await Parallel.ForAsync(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 100 }, async (_, _) => await server.CallAsync(alice, "list_projects", new { }));
        await server.CallAsync(Token(server, Tokens.Bob), "create_project", new { title = "Bob's" });

        var rows = server.AuditRows().Select(row => row.GetProperty("reason").GetString()).ToList();
        Assert.InRange(rows.Count(reason => reason == "quota_calls"), 60, 200);
        Assert.InRange(rows.Count(reason => reason == "scopes_held"), 11, 100);
    }

    [Fact]
    public async Task Refusals_because_of_a_limit_come_slowly_so_that_a_loop_of_them_costs_others_nothing()
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "1"));
        var alice = Token(server);
        await server.CallAsync(alice, "list_projects", new { });
        var watch = Stopwatch.StartNew();

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.CallAsync(alice, "list_projects", new { })).Status);
        }

        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(0.9));
    }

    internal static Task<Server> StartWithDefaultsAsync(Action<IServiceCollection>? services = null)
    {
        var product = new LimitsOptions();
        return Server.StartAsync(services,
            ("Limits:CallsPerMinute", product.CallsPerMinute.ToString(CultureInfo.InvariantCulture)),
            ("Limits:ConcurrentCalls", product.ConcurrentCalls.ToString(CultureInfo.InvariantCulture)),
            ("Limits:BytesPerMinute", product.BytesPerMinute.ToString(CultureInfo.InvariantCulture)));
    }

    internal static string Token(Server server, string subject = Tokens.Alice, string scopes = All, TimeSpan ahead = default) => server.Tokens.Forge(claims =>
    {
        (claims["sub"], claims["scope"]) = (subject, scopes);
        foreach (var time in (string[])["iat", "exp"])
        {
            claims[time] = (long)claims[time]! + (long)ahead.TotalSeconds;
        }
    });

    internal static int RetryAfter(Answer answer) => int.Parse(answer.Headers["Retry-After"], CultureInfo.InvariantCulture);

    /// <summary>Waits until no seat is taken: the last bytes of an answer are read a moment before its request is over.</summary>
    internal static async Task NothingRunsAsync(Server server)
    {
        var limits = server.Services.GetRequiredService<CallLimits>();
        for (var i = 0; i < 1000 && limits.Running != 0; i++)
        {
            await Task.Delay(10);
        }

        Assert.Equal(0, limits.Running);
    }

    private static async Task<(string Reason, int Before)> SendUntilRefusedAsync(Server server, string token, Message message)
    {
        for (var i = 0; ; i++)
        {
            if ((await server.SendAsync(token, message)).Status == HttpStatusCode.TooManyRequests)
            {
                return (server.AuditRows()[^1].GetProperty("reason").GetString()!, i);
            }
        }
    }

    [RequiresScope(Scopes.ProjectsRead)]
    private static string Large(string text, int count) => text.Length > 0 ? text[..count] : new string('y', count);

    [RequiresScope(Scopes.ProjectsRead)]
    private static string Broken() => throw new InvalidOperationException("broken");

    private sealed class BrokenAudit : IAudit
    {
        public bool Fails { get; set; }

        public Task<long> RecordAsync(AuditRecord record, CancellationToken cancellationToken) => Fails ? throw new IOException("full") : Task.FromResult(1L);

        public void Follow(AuditRecord record)
        {
        }
    }
}
