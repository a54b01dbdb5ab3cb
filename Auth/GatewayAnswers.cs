using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>Writes refusals: before the SDK has written a byte, and in one form for all protocol versions.</summary>
internal sealed class GatewayAnswers(McpOptions mcp, IAudit audit, TimeProvider time) : IAuthorizationMiddlewareResultHandler
{
    /// <summary>How long a caller who is over a limit waits for the refusal: a client that does not listen to <c>Retry-After</c> and calls again at once has a pace, and others their processor.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded && context.Features.Get<Refusal>() is null)
        {
            var decision = context.Features.Get<Decision>();
            SecondLock.Expect(decision);
            if (decision is { Session: null })
            {
                // A session id grants nothing, and is nothing to who has no session or is about to begin one.
                context.Request.Headers.Remove(Sessions.Header);
            }

            await CallOutcome.ServeAsync(next, context, audit, time);
            return;
        }

        // Before the answer is sent: whoever has read it may call again.
        context.Features.Get<RunningCall>()?.Dispose();
        // No refusal and no success is a fault of ours: closed.
        var refusal = context.Features.Get<Refusal>() ?? Refusal.Unavailable;
        if (refusal.Status == StatusCodes.Status429TooManyRequests && context.Features.Get<Caller>() is not null)
        {
            await Task.Delay(Pause, time, context.RequestAborted);
        }

        // Let through first, and then the exchange had the last word.
        context.Features.Get<CallOutcome>()?.Refused(audit, refusal);
        await WriteAsync(context, refusal);
    }

    /// <summary>Writes a refusal as HTTP status, challenge and JSON-RPC error.</summary>
    public Task WriteAsync(HttpContext context, Refusal refusal)
    {
        var response = context.Response;
        response.StatusCode = refusal.Status;
        response.Headers.CacheControl = "no-store";
        if (refusal.Closes)
        {
            response.Headers.Connection = "close";
        }

        if (refusal.Challenge is { } challenge)
        {
            response.Headers.WWWAuthenticate = challenge.Header(mcp.MetadataUri);
        }

        if (refusal.Status == StatusCodes.Status405MethodNotAllowed)
        {
            response.Headers.Allow = "POST, DELETE";
        }

        if (refusal.RetryAfter is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (refusal.Status == StatusCodes.Status202Accepted)
        {
            return Task.CompletedTask;
        }

        if (refusal.Status == StatusCodes.Status200OK)
        {
            return WriteAsResultAsync(response, refusal);
        }

        object? id = refusal.Id.ValueKind == JsonValueKind.Undefined ? null : refusal.Id;
        object error = refusal.Data is null
            ? new { refusal.Code, refusal.Message }
            : new { refusal.Code, refusal.Message, refusal.Data };
        // With its length, so that it is one packet.
        var body = JsonSerializer.SerializeToUtf8Bytes(new { jsonrpc = "2.0", id, error }, Json);
        (response.ContentType, response.ContentLength) = ("application/json; charset=utf-8", body.Length);
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>
    /// An error that is answered with 200 looks, byte for byte, as if it came out of the SDK: what the gateway does not know and what Data does not show to
    /// this caller have the same answer.
    /// </summary>
    private static Task WriteAsResultAsync(HttpResponse response, Refusal refusal)
    {
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache,no-store";
        response.Headers.ContentEncoding = "identity";
        response.Headers["X-Accel-Buffering"] = "no";
        JsonRpcMessage error = new JsonRpcError
        {
            Id = refusal.Id.ValueKind == JsonValueKind.String ? new RequestId(refusal.Id.GetString()!) : new RequestId(refusal.Id.GetInt64()),
            Error = new JsonRpcErrorDetail { Code = refusal.Code, Message = refusal.Message },
        };
        return response.WriteAsync($"event: message\ndata: {JsonSerializer.Serialize(error, McpJsonUtilities.DefaultOptions)}\n\n", response.HttpContext.RequestAborted);
    }
}
