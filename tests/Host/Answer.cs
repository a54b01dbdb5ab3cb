using System.Net;
using System.Text.Json;

namespace McpFilesServer.Tests.Host;

/// <summary>What came back: status, challenge, and the JSON-RPC message, whether it came as JSON or as an event.</summary>
internal sealed record Answer(HttpStatusCode Status, string Challenge, string Text, JsonElement Body, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Result => Body.GetProperty("result");

    public int ErrorCode => Body.GetProperty("error").GetProperty("code").GetInt32();

    public string ErrorMessage => Body.GetProperty("error").GetProperty("message").GetString()!;

    public bool IsError => Result.TryGetProperty("isError", out var error) && error.GetBoolean();

    /// <summary>The first text block of a tool's result.</summary>
    public string Content => Result.GetProperty("content")[0].GetProperty("text").GetString()!;

    public JsonElement Structured => Result.GetProperty("structuredContent");

    /// <summary>The sentence of a tool's failure.</summary>
    public string Failure => IsError ? Content : throw new InvalidOperationException($"Not a failure: {Text}");

    public static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        var json = response.Content.Headers.ContentType?.MediaType switch
        {
            "text/event-stream" => text.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line[6..]).LastOrDefault(),
            "application/json" => text,
            _ => null,
        };
        return new Answer(
            response.StatusCode,
            string.Join(" | ", response.Headers.WwwAuthenticate.Select(header => header.ToString())),
            text,
            json is null ? default : JsonDocument.Parse(json).RootElement,
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value)));
    }
}
