using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using McpFilesServer.Tests.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Getting more than one's share, and taking it from others.</summary>
public sealed class LimitAttacks(ITestOutputHelper output)
{
    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("True-Client-IP")]
    [InlineData("Mcp-Session-Id")]
    [InlineData("User-Agent")]
    [InlineData("X-Request-Id")]
    [InlineData("traceparent")]
    [InlineData("Cookie")]
    [InlineData("client")]
    [InlineData("token")]
    [InlineData("name")]
    [InlineData("clientInfo")]
    [InlineData("id")]
    [InlineData("connection")]
    [InlineData("generation")]
    [InlineData("version")]
    [InlineData("address")]
    [InlineData("path")]
    public async Task Nobody_gets_another_share_by_looking_like_somebody_else(string disguise)
    {
        await using var server = await Server.StartAsync(settings: ("Limits:CallsPerMinute", "4"));
        var alice = LimitsTests.Token(server);
        var statuses = new List<HttpStatusCode>();

        for (var i = 0; i < 10; i++)
        {
            using var client = new HttpClient();
            using var request = Disguised(server, disguise, i, alice);
            using var response = await (disguise == "connection" ? client : server.Http).SendAsync(request);
            statuses.Add(response.StatusCode);
        }

        // One may have come back in the meantime: each fifteen seconds brings one.
        Assert.All(statuses, status => Assert.True(status is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, status.ToString()));
        Assert.InRange(statuses.Count(status => status == HttpStatusCode.OK), 4, 5);
        using var other = Disguised(server, disguise, 0, LimitsTests.Token(server, Tokens.Bob));
        Assert.Equal(HttpStatusCode.OK, (await server.Http.SendAsync(other)).StatusCode);
    }

    [Fact]
    [Trait("Attack", "H03")]
    public async Task Of_two_hundred_slow_calls_of_one_person_his_seats_run_and_the_rest_is_refused()
    {
        var slow = new WaitingProbe();
        await using var server = await LimitsTests.StartWithDefaultsAsync(services => services.AddSingleton(slow.Tool()));
        var alice = LimitsTests.Token(server);

        var calls = Enumerable.Range(0, 200).Select(i => server.CallAsync(alice, "slow_probe", new { }, legacy: i % 2 == 0)).ToList();
        await slow.RunsAsync(64);
        while (calls.Count(call => call.IsCompleted) < 136)
        {
            await Task.Delay(10);
        }

        var bob = await server.CallAsync(LimitsTests.Token(server, Tokens.Bob), "list_projects", new { });
        slow.LetGo();
        var answers = await Task.WhenAll(calls);

        Assert.Equal(HttpStatusCode.OK, bob.Status);
        Assert.Equal(64, answers.Count(answer => answer.Status == HttpStatusCode.OK && answer.Content == "done"));
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer =>
            Assert.Equal((HttpStatusCode.TooManyRequests, 429, 1), (answer.Status, answer.ErrorCode, LimitsTests.RetryAfter(answer))));
        await LimitsTests.NothingRunsAsync(server);
    }

    [Fact]
    public async Task A_body_that_comes_slowly_takes_a_seat_of_its_sender_only_and_not_for_long()
    {
        await using var server = await Server.StartAsync(settings: [("Limits:ConcurrentCalls", "2"), ("Limits:CallTimeout", "00:00:03")]);
        var alice = LimitsTests.Token(server);
        using var first = await BeginAsync(server, alice);
        using var second = await BeginAsync(server, alice);
        var limits = server.Services.GetRequiredService<McpFilesServer.Auth.CallLimits>();
        while (limits.Running < 2)
        {
            await Task.Delay(10);
        }

        var refused = await server.CallAsync(alice, "list_projects", new { });
        var bob = await server.CallAsync(LimitsTests.Token(server, Tokens.Bob), "list_projects", new { });
        var answers = new[] { await ReadAsync(first), await ReadAsync(second) };

        Assert.Equal((HttpStatusCode.TooManyRequests, HttpStatusCode.OK), (refused.Status, bob.Status));
        Assert.All(answers, answer => Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal));
        await LimitsTests.NothingRunsAsync(server);
        Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(alice, "list_projects", new { })).Status);
    }

    [Fact]
    public async Task Who_has_no_token_takes_no_seat_however_slowly_he_sends()
    {
        await using var server = await Server.StartAsync(settings: [("Limits:ConcurrentCalls", "1"), ("Limits:TotalConcurrentCalls", "1")]);
        var strangers = new List<TcpClient>();
        for (var i = 0; i < 50; i++)
        {
            strangers.Add(await BeginAsync(server, i % 2 == 0 ? null : "bad"));
        }

        Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(LimitsTests.Token(server), "list_projects", new { })).Status);
        strangers.ForEach(stranger => stranger.Dispose());
        await LimitsTests.NothingRunsAsync(server);
    }

    [Fact]
    public async Task Who_guesses_tokens_is_slowed_down_and_alice_is_not_neither_there_nor_elsewhere()
    {
        await using var server = await Server.StartAsync(settings: [("Limits:FailedAuthenticationsPerMinute", "20"), ("Mcp:KnownProxies:0", "127.0.0.0/8"), ("Mcp:KnownProxies:1", "::1")]);
        var alice = server.Tokens.Forge();
        var statuses = new ConcurrentBag<HttpStatusCode>();
        await Parallel.ForAsync(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 100 }, async (i, _) =>
            // Tokens that name her, as somebody would who wants to lock her out.
            statuses.Add((await server.SendAsync($"{alice}x{i}", From("203.0.113.7"))).Status));

        Assert.Equal((20, 980), (statuses.Count(status => status == HttpStatusCode.Unauthorized), statuses.Count(status => status == HttpStatusCode.TooManyRequests)));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(alice, From("203.0.113.7"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(alice, From("203.0.113.8"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync("bad", From("203.0.113.8"))).Status);
        // Behind the proxy, what the client itself says comes first in the list and is not believed.
        Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync("bad", From("198.51.100.1, 203.0.113.7"))).Status);
    }

    /// <summary>
    /// Asserts that nobody else is refused. What it is about is the figure it prints: <c>TEST_SCALE=15</c> makes it thirty seconds long.
    /// </summary>
    [Fact]
    public async Task Who_sends_as_fast_as_he_can_takes_nothing_from_others()
    {
        await using var server = await LimitsTests.StartWithDefaultsAsync();
        var (alice, bob) = (LimitsTests.Token(server), LimitsTests.Token(server, Tokens.Bob));
        var time = TimeSpan.FromSeconds(2 * Scale.Factor);
        await MeasureAsync(server, bob, TimeSpan.FromSeconds(1));

        var alone = await MeasureAsync(server, bob, time);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var end = new CancellationTokenSource();
        var sent = new ConcurrentDictionary<HttpStatusCode, int>();
        var flood = Enumerable.Range(0, 64).Select(_ => FloodAsync(server, alice, sent, end.Token)).ToList();
        var beside = await MeasureAsync(server, bob, time);
        await end.CancelAsync();
        await Task.WhenAll(flood);
        var after = GC.GetTotalMemory(forceFullCollection: true);

        var (quiet, busy) = (alone[alone.Count / 2], beside[beside.Count / 2]);
        output.WriteLine($"{time.TotalSeconds} s; others' median {quiet.TotalMilliseconds:0.00} ms alone, {busy.TotalMilliseconds:0.00} ms beside the flood: {busy / quiet:0.00} times");
        output.WriteLine($"the flood: {string.Join(", ", sent.Select(status => $"{(int)status.Key}: {status.Value}"))}; memory {before / 1e6:0.0} MB before, {after / 1e6:0.0} MB after");
        Assert.True(sent[HttpStatusCode.TooManyRequests] > 0);
    }

    private static async Task<List<TimeSpan>> MeasureAsync(Server server, string token, TimeSpan time)
    {
        var latencies = new List<TimeSpan>();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < time; await Task.Delay(100))
        {
            var call = Stopwatch.StartNew();
            Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(token, "list_directory", new { project = "welcome" })).Status);
            latencies.Add(call.Elapsed);
        }

        latencies.Sort();
        return latencies;
    }

    private static async Task FloodAsync(Server server, string token, ConcurrentDictionary<HttpStatusCode, int> sent, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            var answer = await server.CallAsync(token, "list_directory", new { project = "welcome" });
            sent.AddOrUpdate(answer.Status, 1, (_, count) => count + 1);
        }
    }

    private static Message From(string address) => Message.List().WithHeader("X-Forwarded-For", address);

    private static HttpRequestMessage Disguised(Server server, string disguise, int i, string token)
    {
        var sub = System.Text.Json.JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(token.Split('.')[1])).RootElement.GetProperty("sub").GetString();
        var message = Message.Call("list_projects", new { }, legacy: disguise == "version" || (disguise == "generation" && i % 2 == 0));
        var (host, path) = (disguise == "address" ? ((string[])["127.0.0.1", "[::1]", "localhost"])[i % 3] : "localhost", disguise == "path" ? ((string[])["/mcp", "/MCP", "/mcp/"])[i % 3] : "/mcp");
        message = disguise switch
        {
            "X-Forwarded-For" or "X-Real-IP" or "True-Client-IP" => message.WithHeader(disguise, $"203.0.113.{i}"),
            "Forwarded" => message.WithHeader(disguise, $"for=203.0.113.{i}"),
            "Mcp-Session-Id" or "X-Request-Id" => message.WithHeader(disguise, Guid.NewGuid().ToString()),
            "User-Agent" => message.WithHeader(disguise, $"client/{i}"),
            "Cookie" => message.WithHeader(disguise, $"session={i}"),
            "traceparent" => message.WithHeader(disguise, $"00-{ActivityTraceId.CreateRandom().ToHexString()}-00f067aa0ba902b7-01"),
            "version" => message.WithHeader("MCP-Protocol-Version", ((string[])["2025-03-26", "2025-06-18", "2025-11-25"])[i % 3]),
            "clientInfo" => message.With(message.Body.Replace("\"name\":\"test\"", $"\"name\":\"test-{i}\"", StringComparison.Ordinal)),
            "id" => message.With(message.Body.Replace("\"id\":7", $"\"id\":\"{i}\"", StringComparison.Ordinal)),
            _ => message,
        };
        var another = disguise switch
        {
            "client" => server.Tokens.Forge(claims => (claims["sub"], claims["client_id"]) = (sub, $"client-{i}")),
            "token" => server.Tokens.Forge(claims => claims["sub"] = sub),
            "name" => server.Tokens.Forge(claims => (claims["sub"], claims["name"], claims["scope"]) = (sub, $"name-{i}", i % 2 == 0 ? "projects:read" : "projects:read files:read")),
            _ => token,
        };
        return message.ToRequest(new Uri($"http://{host}:{server.Url.Port}{path}"), another);
    }

    /// <summary>A request whose body does not go on after its first byte.</summary>
    private static async Task<TcpClient> BeginAsync(Server server, string? token)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Url.Port);
        var authorization = token is null ? "" : $"Authorization: Bearer {token}\n";
        var head = $"POST /mcp HTTP/1.1\nHost: localhost:{server.Url.Port}\n{authorization}Content-Type: application/json\nAccept: application/json, text/event-stream\nContent-Length: 500\n\n{{";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head.ReplaceLineEndings("\r\n")));
        return client;
    }

    private static async Task<string> ReadAsync(TcpClient client)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(patience.Token);
    }
}
