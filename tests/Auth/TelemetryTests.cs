using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What operators see of the server from outside: spans and figures.</summary>
public sealed partial class TelemetryTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "docs", "operating.md"));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_gateways_decision_is_a_span_beside_the_SDKs_in_a_trace_of_the_servers_own(bool inMeta)
    {
        using var spans = new Spans();
        await using var server = await Server.StartAsync();
        var call = Message.Call("list_projects", new { });
        var traceparent = $"00-{Trace}-00f067aa0ba902b7-01";
        var body = JsonNode.Parse(call.Body)!.AsObject();
        if (inMeta)
        {
            body["params"]!["_meta"]!["traceparent"] = traceparent;
            body["params"]!["_meta"]!["tracestate"] = "vendor=word";
            body["params"]!["_meta"]!["baggage"] = "who=alice";
        }

        call = call.With(body.ToJsonString());
        call = inMeta ? call : call.WithHeader("traceparent", traceparent).WithHeader("tracestate", "vendor=word").WithHeader("baggage", "who=alice");
        Assert.False((await server.SendAsync(server.Tokens.Forge(), call)).IsError);

        var all = await spans.OfAsync(Assert.Single(server.AuditRows()).GetProperty("trace_id").GetString()!, 3);
        var (http, gateway, sdk) = (all.Single(span => span.Source.Name == "Microsoft.AspNetCore"), all.Single(span => span.Source.Name == GatewayTrace.SourceName), all.Single(span => span.DisplayName == "tools/call list_projects"));
        // Nothing before it: whoever calls does not decide what is sampled.
        Assert.Equal((default, false), (http.ParentSpanId, http.HasRemoteParent));
        Assert.Equal([http.SpanId, http.SpanId], [gateway.ParentSpanId, sdk.ParentSpanId]);
        Assert.Equal(("allow", "list_projects"), (gateway.GetTagItem("mcp_files_server.decision"), gateway.GetTagItem("mcp_files_server.target")));
        Assert.Equal(Trace, Assert.Single(gateway.Links).Context.TraceId.ToString());
        Assert.All(all, span => Assert.Empty(span.Baggage));
        Assert.All(all, span => Assert.Null(span.TraceStateString));
    }

    [Fact]
    public async Task A_refusal_never_reaches_the_SDK_and_is_a_span_all_the_same()
    {
        using var spans = new Spans();
        await using var server = await Server.StartAsync();

        await server.CallAsync(null, "list_projects", new { });
        await server.SendAsync(server.Tokens.Forge(), Message.List().WithHeader("Origin", "https://evil.example"));

        var (token, door) = (server.AuditRows()[0].GetProperty("trace_id").GetString()!, server.AuditRows()[1].GetProperty("trace_id").GetString()!);
        Assert.Equal("no_token", (await spans.OfAsync(token, 2)).Single(span => span.Source.Name == GatewayTrace.SourceName).GetTagItem("mcp_files_server.reason"));
        Assert.Equal("origin_not_allowed", Assert.Single(await spans.OfAsync(door, 1)).GetTagItem("mcp_files_server.reason"));
    }

    [Fact]
    public async Task The_page_on_operating_has_every_figure_and_no_other()
    {
        var figures = new ConcurrentDictionary<string, bool>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) => figures.TryAdd(instrument.Meter.Name == GatewayMetrics.MeterName ? instrument.Name : "", true),
        };
        listener.Start();
        await using var server = await Server.StartAsync();
        await server.CallAsync(server.Tokens.Forge(), "list_projects", new { });

        Assert.Equal(FigureRow().Matches(Page).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal), figures.Keys.Where(name => name.Length > 0).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_word_that_the_page_says_to_watch_for_is_one_that_the_server_says()
    {
        var sources = string.Concat(((string[])["Auth", "Data", "Tools"]).SelectMany(room => Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, room), "*.cs", SearchOption.AllDirectories)).Select(File.ReadAllText));
        var words = AlertRow().Matches(Page).SelectMany(match => Word().Matches(match.Groups[1].Value)).Select(match => match.Groups[1].Value).ToList();

        Assert.True(words.Count > 10, $"{words.Count} words were found.");
        Assert.All(words, word => Assert.Contains($"\"{word}\"", sources, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^\| `(mcp_files_server\.[a-z._]+)` \|", RegexOptions.Multiline)]
    private static partial Regex FigureRow();

    [GeneratedRegex(@"^\| [^|`]+ \| (`mcp_files_server[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex AlertRow();

    [GeneratedRegex("=`?\"?([a-z_]+)\"?")]
    private static partial Regex Word();

    /// <summary>Every span of this process, while it lives.</summary>
    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        public Spans()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name is GatewayTrace.SourceName or "Experimental.ModelContextProtocol" or "Microsoft.AspNetCore",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
                ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        /// <summary>The spans of a trace, as soon as there are so many. A client's span is not among them.</summary>
        public async Task<IReadOnlyList<Activity>> OfAsync(string trace, int count)
        {
            for (var i = 0; i < 250; i++)
            {
                if (_ended.Where(span => span.TraceId.ToString() == trace).ToList() is var found && found.Count >= count)
                {
                    return found;
                }

                await Task.Delay(20);
            }

            throw new InvalidOperationException($"{_ended.Count(span => span.TraceId.ToString() == trace)} spans of {trace}: {string.Join(", ", _ended.Select(span => $"{span.DisplayName} {span.TraceId}").TakeLast(8))}");
        }

        public void Dispose() => _listener.Dispose();
    }
}
