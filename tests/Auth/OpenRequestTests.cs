using System.Diagnostics;
using System.Net;
using System.Text;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What is open when its token stops counting ends within five seconds; what may go on goes on.</summary>
public sealed class OpenRequestTests
{
    /// <summary>The promise. The tests say "before" and not "after": how fast a machine is does not matter to them.</summary>
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(5);

    private readonly SlowProbe _slow = new();

    [Fact]
    public async Task A_stream_ends_when_its_token_is_revoked_and_its_tool_is_cancelled_and_nobody_elses_is()
    {
        var other = new SlowProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(_slow.Tool()).AddSingleton(other.Tool("other_probe")));
        var (alice, bob) = (server.Tokens.Forge(claims => claims["sid"] = "s1"), server.Tokens.Forge(claims => claims["sub"] = Tokens.Bob));
        var stream = ReadAsync(server, SlowProbe.Call(), alice);
        var others = ReadAsync(server, SlowProbe.Call("other_probe"), bob);
        await Task.WhenAll(_slow.Began, other.Began).WaitAsync(TimeSpan.FromSeconds(20));

        var watch = Stopwatch.StartNew();
        using var content = new FormUrlEncodedContent([new("logout_token", server.Tokens.ForgeLogout())]);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.PostAsync(new Uri(server.Url, "/backchannel-logout"), content)).StatusCode);

        Assert.True(await _slow.Ended.WaitAsync(TimeSpan.FromSeconds(20)));
        var (text, whole) = await stream;
        Assert.True(watch.Elapsed < Promise, $"{watch.Elapsed}");
        Assert.Contains("notifications/progress", text, StringComparison.Ordinal);
        Assert.False(whole);
        Assert.False(other.Ended.IsCompleted);
        other.Finish = true;
        Assert.Contains("finished", (await others).Text, StringComparison.Ordinal);
        Assert.Equal(("deny", "token_revoked", "slow_probe"), await EndedAsync(server));
        Assert.Equal(0, server.Services.GetRequiredService<OpenRequests>().Count);
    }

    [Fact]
    public async Task A_tool_call_that_has_begun_may_finish_after_its_token_has_expired()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(services =>
        {
            clock.Replace(services);
            services.AddSingleton(_slow.Tool());
        });
        var stream = ReadAsync(server, SlowProbe.Call(), server.Tokens.Forge());
        await _slow.Began.WaitAsync(TimeSpan.FromSeconds(20));

        clock.Advance(TimeSpan.FromMinutes(10));
        await Task.Delay(Promise);
        _slow.Finish = true;

        Assert.Contains("finished", (await stream).Text, StringComparison.Ordinal);
        Assert.False(await _slow.Ended);
    }

    [Fact]
    public async Task A_subscription_ends_when_its_token_expires()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(services =>
        {
            clock.Replace(services);
            services.AddSingleton<IAuthorizationMiddlewareResultHandler, Subscription>();
        });
        var stream = ReadAsync(server, Message.List(), server.Tokens.Forge());
        await server.Services.GetServices<IAuthorizationMiddlewareResultHandler>().OfType<Subscription>().Single().Began.WaitAsync(TimeSpan.FromSeconds(20));

        clock.Advance(TimeSpan.FromSeconds(301));
        var watch = Stopwatch.StartNew();

        Assert.False((await stream).Whole);
        Assert.True(watch.Elapsed < Promise, $"{watch.Elapsed}");
        Assert.Equal(("deny", "token_expired", null), await EndedAsync(server));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_open_ends_when_the_revocations_cannot_be_read_any_more(bool hangs)
    {
        var revocations = new Failing();
        await using var server = await Server.StartAsync(services => services.AddSingleton(_slow.Tool()).AddSingleton<IRevocations>(revocations));
        var stream = ReadAsync(server, SlowProbe.Call(), server.Tokens.Forge());
        await _slow.Began.WaitAsync(TimeSpan.FromSeconds(20));

        revocations.Fails = hangs ? Task.Delay(Timeout.Infinite) : Task.FromException(new IOException());
        var watch = Stopwatch.StartNew();

        Assert.False((await stream).Whole);
        // Four seconds without a look, then the next round.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(7), $"{watch.Elapsed}");
        Assert.Equal(("deny", "token_unchecked", "slow_probe"), await EndedAsync(server));
    }

    [Fact]
    public async Task One_round_that_fails_ends_nothing()
    {
        var revocations = new Failing();
        await using var server = await Server.StartAsync(services => services.AddSingleton(_slow.Tool()).AddSingleton<IRevocations>(revocations));
        var stream = ReadAsync(server, SlowProbe.Call(), server.Tokens.Forge());
        await _slow.Began.WaitAsync(TimeSpan.FromSeconds(20));

        revocations.FailsOnce = true;
        await Task.Delay(Promise);
        _slow.Finish = true;

        Assert.False(revocations.FailsOnce);
        Assert.Contains("finished", (await stream).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("expired")]
    public async Task A_body_that_is_sent_slowly_does_not_carry_a_token_past_its_end(string end)
    {
        var (clock, probe) = (new MovedClock(), new Probe());
        await using var server = await Server.StartAsync(services =>
        {
            clock.Replace(services);
            services.AddSingleton(probe.Tool());
        });
        var whole = Message.Call("probe", new { });
        var request = whole.ToRequest(new Uri(server.Resource), server.Tokens.Forge());
        var (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var type = request.Content!.Headers.ContentType;
#pragma warning disable CA2025 // The request is awaited before the end.
        request.Content = new SlowContent(Encoding.UTF8.GetBytes(whole.Body), begun, go.Task);
        request.Content.Headers.ContentType = type;
        var sending = SendAsync(server, request);
#pragma warning restore CA2025
        await begun.Task;
        for (var i = 0; i < 200 && server.Services.GetRequiredService<OpenRequests>().Count == 0; i++)
        {
            await Task.Delay(50);
        }

        await Task.Delay(TimeSpan.FromSeconds(1.1));
        if (end == "expired")
        {
            clock.Advance(TimeSpan.FromMinutes(6));
        }
        else
        {
            await server.Services.GetRequiredService<IRevocations>().AddAsync(
                [new Revocation(server.Provider.AbsoluteUri, RevocationKind.Client, "c1", "", DateTimeOffset.UtcNow)], null, CancellationToken.None);
        }

        go.SetResult();
        // Broken off, when a round came before the rest of the body.
        Assert.Contains(await sending, end == "revoked" ? (HttpStatusCode?[])[HttpStatusCode.Unauthorized, null] : [HttpStatusCode.Unauthorized]);
        Assert.Equal(0, probe.Runs);
    }

    private static async Task<HttpStatusCode?> SendAsync(Server server, HttpRequestMessage request)
    {
        try
        {
            using var response = await server.Http.SendAsync(request);
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static async Task<(string Text, bool Whole)> ReadAsync(Server server, Message message, string token)
    {
        using var request = message.ToRequest(new Uri(server.Resource), token);
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await using var stream = await response.Content.ReadAsStreamAsync();
        var (text, buffer) = (new StringBuilder(), new byte[4096]);
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer)) > 0;)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }

            return (text.ToString(), true);
        }
        catch (IOException)
        {
            return (text.ToString(), false);
        }
    }

    private static async Task<(string?, string?, string?)> EndedAsync(Server server)
    {
        for (var i = 0; i < 100; i++)
        {
            var rows = server.AuditRows().Where(row => row.GetProperty("kind").GetString() == "revocation" && row.GetProperty("method").GetString() != "/backchannel-logout").ToList();
            if (rows.Count > 0)
            {
                var row = Assert.Single(rows);
                return (row.GetProperty("decision").GetString(), row.GetProperty("reason").GetString(), row.GetProperty("target").GetString());
            }

            await Task.Delay(50);
        }

        return default;
    }

    /// <summary>Serves every request that was let through as a subscription, until somebody ends it.</summary>
    private sealed class Subscription : IAuthorizationMiddlewareResultHandler
    {
        private readonly TaskCompletionSource _began = new();

        public Task Began => _began.Task;

        public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            context.Features.Get<OpenRequest>()!.Serve(new Operation("subscriptions/listen", null, [], null));
            await context.Response.WriteAsync("subscribed\n");
            await context.Response.Body.FlushAsync();
            _began.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
    }

    private sealed class Failing : IRevocations
    {
        public Task? Fails { get; set; }

        public bool FailsOnce { get; set; }

        public async Task<IReadOnlyCollection<T>> RevokedAsync<T>(IReadOnlyCollection<T> tokens, CancellationToken cancellationToken) where T : IRevocable
        {
            if (FailsOnce)
            {
                FailsOnce = false;
                throw new IOException();
            }

            await (Fails ?? Task.CompletedTask);
            return [];
        }

        public Task<bool> AddAsync(IReadOnlyCollection<Revocation> revocations, Revocation? once, CancellationToken cancellationToken) => Task.FromResult(true);

        public Task<int> PurgeAsync(DateTimeOffset issuedBefore, int limit, CancellationToken cancellationToken) => Task.FromResult(0);
    }

    /// <summary>Half of a body, and the rest when it is told to.</summary>
    private sealed class SlowContent(byte[] body, TaskCompletionSource begun, Task go) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(body.AsMemory(0, body.Length / 2));
            await stream.FlushAsync();
            begun.TrySetResult();
            await go;
            await stream.WriteAsync(body.AsMemory(body.Length / 2));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}
