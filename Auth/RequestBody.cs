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

        var buffer = new byte[(int)Math.Min(http.Request.ContentLength + 1 ?? 16 * 1024, limit + 1L)];
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
                    Array.Resize(ref buffer, Math.Min(buffer.Length * 2, limit + 1));
                }
            }
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            // Kestrel's words for it are many: a broken chunk, a size that overflows, a body that comes too slowly or not at all.
            return (null, e is BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } ? Refusal.TooLarge : Refusal.BadFraming);
        }

        var message = Envelope.Read(buffer.AsMemory(0, length), out refusal);
        http.Request.Body = new MemoryStream(buffer, 0, length, writable: false);
        if (message is not null)
        {
            http.Response.RegisterForDispose(message);
        }

        return (message, refusal);
    }

    /// <summary>What clients send nearly always, as the specification has it; anything else is taken apart.</summary>
    private static readonly string[] UsualAccepts = ["application/json, text/event-stream", "text/event-stream, application/json"];

    /// <summary>Media type, charset and Accept, which the SDK would look at too, but after the decision has been recorded as "allow".</summary>
    private static Refusal? Unservable(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            || request.Headers.ContentEncoding.Count > 0)
        {
            return Refusal.WrongMediaType;
        }

        if (request.Headers.Accept is [{ } usual] && UsualAccepts.Contains(usual))
        {
            return null;
        }

        var accept = request.GetTypedHeaders().Accept;
        return accept.Any(range => range.MatchesMediaType("application/json")) && accept.Any(range => range.MatchesMediaType("text/event-stream"))
            ? null : Refusal.NotAcceptable;
    }
}
