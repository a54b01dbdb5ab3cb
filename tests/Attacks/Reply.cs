using System.Net;
using System.Text.Json;

namespace McpFilesServer.Tests.Attacks;

/// <summary>What came back over the wire, and the trace that the request carried.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Challenges">The lines of <c>WWW-Authenticate</c>, each as it was sent.</param>
/// <param name="Headers">All headers as one text.</param>
/// <param name="Text">The body as it was sent.</param>
/// <param name="Trace">Finds the request's audit records and runs.</param>
internal sealed record Reply(HttpStatusCode Status, IReadOnlyList<string> Challenges, string Headers, string Text, string Trace)
{
    /// <summary>The JSON-RPC message; undefined when there is none.</summary>
    public JsonElement Body { get; } = Json(Text);

    public int? ErrorCode =>
        Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("error", out var error) ? error.GetProperty("code").GetInt32() : null;

    /// <summary>Whether the answer is the result of something that ran.</summary>
    public bool IsResult => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("result", out _);

    /// <summary>Whether a tool answered with a failure.</summary>
    public bool IsToolError => IsResult && Body.GetProperty("result").TryGetProperty("isError", out var error) && error.GetBoolean();

    public static async Task<Reply> ReadAsync(HttpResponseMessage response, string trace)
    {
        var challenges = response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var values) ? values.ToList() : [];
        return new Reply(response.StatusCode, challenges, $"{response.Headers}{response.Content.Headers}", await response.Content.ReadAsStringAsync(), trace);
    }

    private static JsonElement Json(string text)
    {
        var json = text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => line[6..]).LastOrDefault() ?? text;
        return json.StartsWith('{') ? JsonDocument.Parse(json).RootElement : default;
    }
}
