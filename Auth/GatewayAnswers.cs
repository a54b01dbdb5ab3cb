using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace McpFilesServer.Auth;

/// <summary>Writes refusals: before the SDK has written a byte, and in one form for all protocol versions.</summary>
internal sealed class GatewayAnswers(McpOptions mcp, TimeProvider time) : IAuthorizationMiddlewareResultHandler
{
    /// <summary>How long a caller who is over a limit waits for the refusal: a client that does not listen to <c>Retry-After</c> and calls again at once has a pace, and others their processor.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded && context.Features.Get<Refusal>() is null)
        {
            // A session id of an older server generation grants nothing and is nothing here.
            context.Request.Headers.Remove("Mcp-Session-Id");
            await RunningCall.ServeAsync(next, context);
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

        if (refusal.RetryAfter is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (refusal.Status == StatusCodes.Status202Accepted)
        {
            return Task.CompletedTask;
        }

        object? id = refusal.Id.ValueKind == JsonValueKind.Undefined ? null : refusal.Id;
        object error = refusal.Data is null
            ? new { refusal.Code, refusal.Message }
            : new { refusal.Code, refusal.Message, refusal.Data };
        return response.WriteAsJsonAsync(new { jsonrpc = "2.0", id, error }, Json, context.RequestAborted);
    }
}
