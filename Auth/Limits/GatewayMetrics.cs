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

    public GatewayMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _decisions = _meter.CreateCounter<long>("mcp_files_server.decisions", "{decision}", "Decisions, by decision and reason; those because of a limit have a reason that begins with quota_.");
        _bytes = _meter.CreateCounter<long>("mcp_files_server.bytes", "By", "Bytes of request bodies (in) and of answers (out) that callers were charged.");
    }

    public void Decided(Refusal? refusal) =>
        _decisions.Add(1, new("decision", refusal?.Decision ?? "allow"), new("reason", refusal?.Reason ?? "scopes_held"));

    public void Passed(int bytes, string direction) => _bytes.Add(bytes, new KeyValuePair<string, object?>("direction", direction));

    /// <summary>Shows the limits beside their use.</summary>
    public void Observe(Func<long> running, LimitsOptions limits)
    {
        _meter.CreateObservableUpDownCounter("mcp_files_server.calls.running", running, "{call}", "Calls that are running.");
        _meter.CreateObservableGauge("mcp_files_server.limits", () => limits.Figures.Select(figure =>
            new Measurement<long>(figure.Value, new KeyValuePair<string, object?>("limit", figure.Name))), description: "The limits as they are set.");
    }
}
