using System.Buffers;
using Microsoft.Net.Http.Headers;

namespace McpFilesServer.Auth;

/// <summary>The body of a request: read once, within its limit, and handed on to the SDK as the very bytes that were decided on.</summary>
internal static class RequestBody
{
    public static async Task<(Envelope? Message, Refusal? Refusal)> ReadAsync(HttpContext http, int limit, CancellationToken cancellationToken)
    {
        if (Unservable(http.Request) is { } refusal)
        {
            return (null, refusal);
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(http.Request.ContentLength + 1 ?? 16 * 1024, limit + 1L));
        var length = 0;
        try
        {
            int read;
            while ((read = await http.Request.Body.ReadAsync(buffer.AsMemory(length), cancellationToken)) > 0)
            {
                length += read;
                if (length > limit)
                {
                    return (null, Refusal.TooLarge);
                }

                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, limit + 1));
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }
        }
        catch (BadHttpRequestException e)
        {
            return (null, e.StatusCode == StatusCodes.Status413PayloadTooLarge ? Refusal.TooLarge : Refusal.NotJsonRpc("The body could not be read."));
        }

        var message = Envelope.Read(buffer.AsMemory(0, length), out refusal);
        http.Request.Body = new MemoryStream(buffer, 0, length, writable: false);
        http.Response.OnCompleted(GiveBack, buffer);
        if (message is not null)
        {
            http.Response.RegisterForDispose(message);
        }

        return (message, refusal);
    }

    /// <summary>Media type, charset and Accept, which the SDK would look at too, but after the decision has been recorded as "allow".</summary>
    private static Refusal? Unservable(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            || request.Headers.ContentEncoding.Count > 0)
        {
            return Refusal.NotUtf8;
        }

        var accept = request.GetTypedHeaders().Accept;
        return accept.Any(range => range.MatchesMediaType("application/json")) && accept.Any(range => range.MatchesMediaType("text/event-stream"))
            ? null : Refusal.NotAcceptable;
    }

    /// <summary>When the response is done, nobody reads the body any more.</summary>
    private static Task GiveBack(object buffer)
    {
        ArrayPool<byte>.Shared.Return((byte[])buffer);
        return Task.CompletedTask;
    }
}
