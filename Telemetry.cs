using System.Collections.Frozen;
using System.Diagnostics;
using McpFilesServer.Auth;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace McpFilesServer;

/// <summary>
/// Traces, metrics and logs for whoever runs the server, sent by OTLP to where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says; the other standard variables
/// (<c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, <c>OTEL_SERVICE_NAME</c>, <c>OTEL_TRACES_SAMPLER</c>, …) count too. Without it nothing listens and nothing is sent.
/// </summary>
internal static class Telemetry
{
    private const string Sdk = "Experimental.ModelContextProtocol";

    /// <summary>Where telemetry is sent; null when it is not.</summary>
    public static string? Endpoint(IConfiguration configuration) => configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 } endpoint ? endpoint : null;

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        // For all that reads a trace from a request, which is ASP.NET Core from headers and the MCP SDK from _meta.
        DistributedContextPropagator.Current = OwnTraces.Instance;
        builder.Services.AddSingleton(DistributedContextPropagator.Current);
        if (Endpoint(builder.Configuration) is null)
        {
            return;
        }

        // The framework's own spans with the labels of the convention, instead of a package that adds them (and more than them).
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Configuration["OTEL_SERVICE_NAME"] ?? "mcp-files-server", serviceVersion: typeof(Telemetry).Assembly.GetName().Version!.ToString(3)))
            .WithTracing(tracing => tracing
                .AddSource(GatewayTrace.SourceName, Sdk, "Microsoft.AspNetCore", "System.Net.Http")
                .AddProcessor(new OwnWordsOnly()))
            .WithMetrics(metrics => metrics
                .AddMeter(GatewayMetrics.MeterName, Sdk, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime")
                .AddView(instrument => instrument.Meter.Name == Sdk ? new MetricStreamConfiguration { TagKeys = [.. OwnWordsOnly.Labels] } : null))
            .WithLogging()
            .UseOtlpExporter();
    }

    /// <summary>
    /// Traces begin here and are handed on downstream; nothing that comes in is continued. Whoever calls must not be able to write into another's trace, nor to decide what
    /// is sampled, nor to have his <c>baggage</c> carried to other servers.
    /// </summary>
    private sealed class OwnTraces : DistributedContextPropagator
    {
        public static readonly OwnTraces Instance = new();

        private readonly DistributedContextPropagator _w3c = CreateW3CPropagator();

        public override IReadOnlyCollection<string> Fields => _w3c.Fields;

        public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter) => _w3c.Inject(activity, carrier, setter);

        public override void ExtractTraceIdAndState(object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) => (traceId, traceState) = (null, null);

        public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) => null;
    }

    /// <summary>
    /// Spans leave with labels whose values are words of this program, of the protocol or of the settings. The libraries also write what a client sent: URLs and paths, host
    /// names, the URI of a resource, request ids, the text of a failed result as the status. What is not on the list is taken off.
    /// </summary>
    private sealed class OwnWordsOnly : BaseProcessor<Activity>
    {
        public static readonly FrozenSet<string> Labels = FrozenSet.Create(
            "mcp_files_server.decision", "mcp_files_server.reason", "mcp_files_server.method", "mcp_files_server.target",
            "mcp.method.name", "mcp.protocol.version", "gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.prompt.name", "rpc.response.status_code",
            "http.request.method", "http.response.status_code", "http.route", "url.scheme", "network.protocol.name", "network.protocol.version", "network.transport", "error.type");

        public override void OnEnd(Activity data)
        {
            foreach (var (label, _) in data.TagObjects.ToList())
            {
                // Whom this server calls is in its settings; what it was called is the client's word.
                if (!Labels.Contains(label) && !(label is "server.address" or "server.port" && data.Kind == ActivityKind.Client))
                {
                    data.SetTag(label, null);
                }
            }

            data.SetStatus(data.Status);
        }
    }
}
