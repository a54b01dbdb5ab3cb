using System.Diagnostics;
using System.Net;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Keys come and go while requests are running. TEST_SCALE=10 is the full run.</summary>
public sealed class KeyRolloverTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Three_rotations_within_a_minute_fail_no_good_request()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        var answers = new System.Collections.Concurrent.ConcurrentBag<HttpStatusCode>();
        using var ended = new CancellationTokenSource();

        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
            {
                answers.Add((await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
            }
        })).ToList();
        for (var i = 0; i < 3; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1.5 * Scale.Factor));
            issuer.Rotate();
        }

        await Task.Delay(TimeSpan.FromSeconds(1));
        await ended.CancelAsync();
        await Task.WhenAll(load);

        output.WriteLine($"{answers.Count} requests, {issuer.Fetches} fetches of keys");
        Assert.All(answers, status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(4, issuer.Fetches);
    }

    [Fact]
    public async Task A_flood_of_unknown_key_ids_does_not_flood_the_issuer_nor_slow_others_down()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        var junk = Enumerable.Range(0, 1000 * Scale.Factor).Select(i => issuer.Token(server.Resource, header: header => header["kid"] = $"junk-{i}-{Guid.NewGuid()}")).ToList();
        var calm = await MedianAsync(server, issuer);

        // Four senders with a short breath between two requests: several hundred a second, and not so many that the sender itself takes all of the machine.
        var flood = Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(async () =>
        {
            for (var i = 0; i < 250 * Scale.Factor; i++)
            {
                await server.SendAsync(junk[(i * 4 + sender) % junk.Count], Message.List());
                await Task.Delay(2);
            }
        })));
        var busy = new List<double>();
        while (!flood.IsCompleted)
        {
            busy.Add(await MedianAsync(server, issuer));
        }

        await flood;
        output.WriteLine($"{1000 * Scale.Factor} junk requests, {issuer.Fetches} fetches of keys; a good request took {calm:F2} ms alone and {busy.Order().ElementAt(busy.Count / 2):F2} ms beside the flood");
        Assert.InRange(issuer.Fetches, 1, 2);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
    }

    [Fact]
    public async Task A_key_that_the_issuer_withdrew_is_refused_after_the_next_fetch()
    {
        await using var issuer = await TestIssuer.StartAsync();
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Auth:Issuers:1:Authority", issuer.Authority));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
        clock.Advance(TimeSpan.FromMinutes(6));
        var token = issuer.Token(server.Resource, claims => (claims["iat"], claims["exp"]) = (clock.GetUtcNow().ToUnixTimeSeconds(), clock.GetUtcNow().ToUnixTimeSeconds() + 300));

        issuer.Rotate();
        issuer.Withdraw();
        var status = HttpStatusCode.OK;
        for (var i = 0; i < 50 && status == HttpStatusCode.OK; i++)
        {
            status = (await server.SendAsync(token, Message.List())).Status;
            await Task.Delay(20);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    private static async Task<double> MedianAsync(Server server, TestIssuer issuer)
    {
        var times = new List<double>();
        for (var i = 0; i < 25; i++)
        {
            var token = issuer.Token(server.Resource);
            var watch = Stopwatch.StartNew();
            Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(token, Message.List())).Status);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        return times.Order().ElementAt(times.Count / 2);
    }
}
