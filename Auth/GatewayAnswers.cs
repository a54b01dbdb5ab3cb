using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace McpFilesServer.Auth;

/// <summary>Writes refusals: before the SDK has written a byte, and in one form for all protocol versions.</summary>
internal sealed class GatewayAnswers(McpOptions mcp) : IAuthorizationMiddlewareResultHandler
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
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

            return next(context);
        }

        // No refusal and no success is a fault of ours: closed.
        return WriteAsync(context, context.Features.Get<Refusal>() ?? Refusal.Unavailable);
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

        object? id = refusal.Id.ValueKind == JsonValueKind.Undefined ? null : refusal.Id;
        object error = refusal.Data is null
            ? new { refusal.Code, refusal.Message }
            : new { refusal.Code, refusal.Message, refusal.Data };
        return response.WriteAsJsonAsync(new { jsonrpc = "2.0", id, error }, Json, context.RequestAborted);
    }
}
