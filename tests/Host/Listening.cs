using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace McpFilesServer.Tests.Host;

/// <summary>An open <c>subscriptions/listen</c> stream, message by message.</summary>
internal sealed class Listening : IAsyncDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly Channel<JsonElement> _messages = Channel.CreateUnbounded<JsonElement>();
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _pump;

    private Listening(HttpResponseMessage response, Stream body)
    {
        _response = response;
        // By itself, because to give up on a read is to break the connection.
        _pump = PumpAsync(body);
    }

    public HttpStatusCode Status => _response.StatusCode;

    public HttpResponseMessage Response => _response;

    /// <summary>The request that opens a stream on these resources.</summary>
    public static Message Message(params string[] uris) =>
        Host.Message.Of("subscriptions/listen", new JsonObject { ["notifications"] = new JsonObject { ["resourceSubscriptions"] = new JsonArray([.. uris.Select(uri => JsonValue.Create(uri))]) } });

    /// <summary>Opens a stream, and returns when the answer has begun.</summary>
    public static async Task<Listening> StartAsync(Server server, string token, params string[] uris)
    {
        using var request = Message(uris).ToRequest(new Uri(server.Resource), token);
        var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return new Listening(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>The same, and it has been acknowledged: what changes from now on is news.</summary>
    public static async Task<Listening> OpenAsync(Server server, string token, params string[] uris)
    {
        var listening = await StartAsync(server, token, uris);
        if (await listening.NextAsync() is not { } first || first.GetProperty("method").GetString() != "notifications/subscriptions/acknowledged")
        {
            throw new InvalidOperationException($"No acknowledgement: {(int)listening.Status}");
        }

        return listening;
    }

    /// <summary>The next message; null when the stream has ended, or nothing came for so long.</summary>
    public async Task<JsonElement?> NextAsync(double seconds = 20)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            return await _messages.Reader.ReadAsync(limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
        {
            Ended = e is ChannelClosedException;
            return null;
        }
    }

    /// <summary>Whether the last <see cref="NextAsync"/> found the end.</summary>
    public bool Ended { get; private set; }

    /// <summary>The URI of the next change; null as above.</summary>
    public async Task<string?> NextChangeAsync(double seconds = 20) =>
        await NextAsync(seconds) is { } message && message.TryGetProperty("method", out var method) && method.GetString() == "notifications/resources/updated"
            ? message.GetProperty("params").GetProperty("uri").GetString() : null;

    public async ValueTask DisposeAsync()
    {
        // In this order: an answer that is disposed while somebody reads it can leave its last bytes on a connection that the next request gets.
        await _closing.CancelAsync();
        await _pump;
        _response.Dispose();
        _closing.Dispose();
    }

    private async Task PumpAsync(Stream body)
    {
        try
        {
            using var reader = new StreamReader(body);
            while (await reader.ReadLineAsync(_closing.Token) is { } line)
            {
                if (line.StartsWith("data: {", StringComparison.Ordinal))
                {
                    using var message = JsonDocument.Parse(line[6..]);
                    _messages.Writer.TryWrite(message.RootElement.Clone());
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or HttpRequestException or OperationCanceledException)
        {
            // Broken off, by one side or the other: the end as well.
        }

        _messages.Writer.Complete();
    }
}
