using System.Diagnostics.Metrics;
using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What the limits remember, and what they show.</summary>
public sealed class LimitMemoryTests
{
    [Fact]
    public async Task A_hundred_thousand_people_who_have_gone_are_forgotten()
    {
        using var services = Services();
        var limits = services.GetRequiredService<CallLimits>();
        var people = await VisitAsync(limits, 100_000);
        for (var i = 0; i < 120 && people.Any(person => person.IsAlive); i++)
        {
            await Task.Delay(500);
            GC.Collect();
        }

        Assert.Equal(0, people.Count(person => person.IsAlive));
        Assert.Equal(0, limits.Running);
    }

    [Fact]
    public void Bad_tokens_of_a_million_addresses_take_no_memory()
    {
        var failures = new FailedAuthentications(new LimitsOptions(), TimeProvider.System);
        var address = new byte[16];
        for (var i = 0; i < 1_000_000; i++)
        {
            BitConverter.TryWriteBytes(address, i);
            Assert.Null(failures.Count(new IPAddress(address)));
        }

        // A table of 256 KiB is all there is, and nothing that could grow.
        var kept = typeof(FailedAuthentications).GetFields(BindingFlags.Instance | BindingFlags.NonPublic).Select(field => field.GetValue(failures)).ToList();
        Assert.Equal(256 * 1024, kept.OfType<int[]>().Sum(table => table.Length * sizeof(int)));
        Assert.Single(kept.OfType<System.Collections.IEnumerable>());
    }

    /// <summary>The hash is keyed: once in 65,536 processes two addresses of this table meet.</summary>
    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", false)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", true)]
    [InlineData("203.0.113.7", "::ffff:203.0.113.7", false)]
    [InlineData("203.0.113.7", "203.0.113.8", true)]
    public void An_IPv6_network_of_64_bits_counts_as_one_address(string first, string second, bool isAnother)
    {
        var failures = new FailedAuthentications(new LimitsOptions { FailedAuthenticationsPerMinute = 1 }, TimeProvider.System);

        Assert.Null(failures.Count(IPAddress.Parse(first)));
        Assert.Equal(isAnother, failures.Count(IPAddress.Parse(second)) is null);
    }

    [Fact]
    public void After_a_minute_bad_tokens_are_forgotten()
    {
        var clock = new MovedClock();
        var failures = new FailedAuthentications(new LimitsOptions { FailedAuthenticationsPerMinute = 1 }, clock);
        failures.Count(IPAddress.Loopback);
        var wait = failures.Count(IPAddress.Loopback)!.Value;

        clock.Advance(TimeSpan.FromSeconds(wait));

        Assert.InRange(wait, 1, 60);
        Assert.Null(failures.Count(IPAddress.Loopback));
    }

    [Fact]
    public async Task Limits_and_their_use_are_metrics_and_nobody_is_in_them()
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:CallsPerMinute", "3"), ("Limits:ConcurrentCalls", "5"));
        using var meter = new Listener(server.Services.GetRequiredService<IMeterFactory>());
        var alice = LimitsTests.Token(server);
        var running = server.CallAsync(alice, "slow_probe", new { });
        await slow.RunsAsync(1);
        meter.Record();

        Assert.Equal(1, meter["mcp_files_server.calls.running"]);
        Assert.Equal(5, meter["mcp_files_server.limits limit=concurrent_calls"]);
        slow.LetGo();
        await running;
        for (var i = 0; i < 4; i++)
        {
            await server.CallAsync(alice, "list_projects", new { });
        }

        await server.SendAsync("bad", Message.List());
        meter.Record();
        Assert.Equal(3, meter["mcp_files_server.decisions decision=allow reason=scopes_held status=200"]);
        Assert.Equal(2, meter["mcp_files_server.decisions decision=deny reason=quota_calls status=429"]);
        Assert.True(meter["mcp_files_server.bytes direction=in"] > 0);
        Assert.True(meter["mcp_files_server.bytes direction=out"] > 0);
        Assert.All(meter.Names, name => Assert.Matches("^[a-z0-9_. =]+$", name));
    }

    [Fact]
    public void A_stream_is_not_counted_among_the_calls_that_run()
    {
        using var services = Services();
        var (limits, http) = (services.GetRequiredService<CallLimits>(), new DefaultHttpContext());
        Assert.Null(limits.Enter(http, Somebody("alice")));
        Assert.Equal(1, limits.Running);

        Assert.Null(http.Features.Get<RunningCall>()!.Take(new Operation("subscriptions/listen", null, ["files:read"], null)));

        Assert.Equal(0, limits.Running);
    }

    private static Caller Somebody(string subject) =>
        new("https://issuer", subject, subject, "c", "t", new HashSet<string>(), IsApplication: false, Session: null, default, DateTimeOffset.MaxValue);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<List<WeakReference>> VisitAsync(CallLimits limits, int count)
    {
        var people = new List<WeakReference>();
        for (var i = 0; i < count; i++)
        {
            var subject = $"person-{i}";
            people.Add(new WeakReference(subject));
            var http = new DefaultHttpContext { Request = { ContentType = "application/json", Headers = { Accept = "application/json, text/event-stream" }, Body = new MemoryStream([1]) } };
            Assert.Null(limits.Enter(http, Somebody(subject)));
            using var call = http.Features.Get<RunningCall>()!;
            _ = await call.ReadAsync(http, 1024);
            Assert.Null(call.Take(null));
        }

        return people;
    }

    private static ServiceProvider Services() => new ServiceCollection()
        .AddMetrics().AddSingleton<LimitsOptions>().AddSingleton(TimeProvider.System).AddSingleton<GatewayMetrics>().AddSingleton<CallLimits>().BuildServiceProvider();

    /// <summary>The sums of one server's measurements, by instrument and labels.</summary>
    private sealed class Listener : IDisposable
    {
        private readonly Dictionary<string, long> _values = [];
        private readonly MeterListener _listener = new();

        public Listener(IMeterFactory server)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == GatewayMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, server))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            {
                lock (_values)
                {
                    var name = string.Join(' ', (string[])[instrument.Name, .. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")]);
                    _values[name] = value + (instrument.IsObservable ? 0 : _values.GetValueOrDefault(name));
                }
            });
            _listener.Start();
        }

        public IEnumerable<string> Names => _values.Keys;

        public long this[string name] => _values.GetValueOrDefault(name);

        public void Record() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();
    }
}
