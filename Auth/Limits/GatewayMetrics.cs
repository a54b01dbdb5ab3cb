using System.Diagnostics.Metrics;

namespace McpFilesServer.Auth;

/// <summary>What the gateway measures. Labels are words of this program, never a person, an address or a text of a request.</summary>
internal sealed class GatewayMetrics
{
    /// <summary>The name of the meter, for whoever exports it.</summary>
    public const string MeterName = "McpFilesServer";

    private readonly Meter _meter;
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _exchanges;

    public GatewayMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _decisions = _meter.CreateCounter<long>("mcp_files_server.decisions", "{decision}", "Decisions, by decision, reason and HTTP status; those because of a limit have a reason that begins with quota_.");
        _bytes = _meter.CreateCounter<long>("mcp_files_server.bytes", "By", "Bytes of request bodies (in) and of answers (out) that callers were charged.");
        _exchanges = _meter.CreateHistogram<double>("mcp_files_server.exchange.duration", "s", "Exchanges of callers' tokens for downstream ones, by result: exchanged, or why not.");
    }

    public void Decided(Refusal? refusal) =>
        _decisions.Add(1, new("decision", refusal?.Decision ?? "allow"), new("reason", refusal?.Reason ?? "scopes_held"), new("status", refusal?.Status ?? StatusCodes.Status200OK));

    /// <param name="took">How long the exchange took.</param>
    /// <param name="fault">Why it gave no token; null when it did.</param>
    public void Exchanged(TimeSpan took, string? fault) => _exchanges.Record(took.TotalSeconds, new KeyValuePair<string, object?>("result", fault ?? "exchanged"));

    public void Passed(int bytes, string direction) => _bytes.Add(bytes, new KeyValuePair<string, object?>("direction", direction));

    /// <summary>Shows the limits beside their use.</summary>
    public void Observe(Func<long> running, LimitsOptions limits)
    {
        _meter.CreateObservableUpDownCounter("mcp_files_server.calls.running", running, "{call}", "Calls that are running.");
        _meter.CreateObservableGauge("mcp_files_server.limits", () => limits.Figures.Select(figure =>
            new Measurement<long>(figure.Value, new KeyValuePair<string, object?>("limit", figure.Name))), description: "The limits as they are set.");
    }
}
