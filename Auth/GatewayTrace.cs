using System.Diagnostics;

namespace McpFilesServer.Auth;

/// <summary>
/// The gateway's decisions as spans: what it refuses never reaches the SDK, whose spans would show it. Labels are words of this program; the client's own trace is
/// linked, so that it can be followed and nothing of it is believed.
/// </summary>
internal static class GatewayTrace
{
    /// <summary>The name of the source, for whoever exports it.</summary>
    public const string SourceName = GatewayMetrics.MeterName;

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Begins the span of a decision; null when nobody listens.</summary>
    public static Activity? Start() => Source.StartActivity("gateway");

    /// <summary>Says on the span that is open what was decided.</summary>
    public static void Decided(HttpContext http, Operation? operation, Envelope? message, Refusal? refusal)
    {
        if (Activity.Current is not { IsAllDataRequested: true } span)
        {
            return;
        }

        span.SetTag("mcp_files_server.decision", refusal?.Decision ?? "allow");
        span.SetTag("mcp_files_server.reason", refusal?.Reason ?? "scopes_held");
        span.SetTag("mcp_files_server.method", operation?.Method);
        span.SetTag("mcp_files_server.target", operation?.Target);
        if (ClientTrace.Of(http.Request, message) is { } client)
        {
            span.AddLink(new ActivityLink(client));
        }
    }
}
