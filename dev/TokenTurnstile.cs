using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>
/// Stands before the endpoints that take a secret. Only failures count, and each client's alone: guessing ends after 300 in a minute, while a server
/// that exchanges a token for every call of every user is never in its own way. Grants that write to the database come one after the other: SQLite has
/// one writer, and of two requests with the same code or refresh token the second must find the first one's mark (RFC 9700 §4.14.2). So do the forms that
/// end grants: no token of a grant is made while it ends, and none can be younger than the logout token that the server is sent.
/// </summary>
internal sealed class TokenTurnstile : IMiddleware, IDisposable
{
    /// <summary>Longer than any client id here. What is longer counts together, so that made-up names do not fill the memory.</summary>
    private const int MaximumId = 512;

    private readonly PartitionedRateLimiter<string> _failures =
        PartitionedRateLimiter.Create<string, string>(client => RateLimitPartition.GetFixedWindowLimiter(client, _ => Limits.Fixed()));

    private readonly SemaphoreSlim _turn = new(1);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || context.Request.Path.Value is not ("/token" or "/introspect" or "/revoke" or Account.DisconnectPath or Account.SignOutPath))
        {
            await next(context);
            return;
        }

        var form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : FormCollection.Empty;
        var client = Client(context.Request.Headers.Authorization.ToString(), form[Parameters.ClientId].ToString());

        client = client.Length <= MaximumId ? client : "";

        using (var left = _failures.AttemptAcquire(client, permitCount: 0))
        {
            if (!left.IsAcquired)
            {
                await Limits.RefuseAsync(context, left);
                return;
            }
        }

        await (form[Parameters.GrantType] == OnBehalfOf.GrantType ? next(context) : InTurnAsync(context, next));

        if (context.Response.StatusCode is StatusCodes.Status400BadRequest or StatusCodes.Status401Unauthorized)
        {
            _failures.AttemptAcquire(client).Dispose();
        }
    }

    public void Dispose()
    {
        _failures.Dispose();
        _turn.Dispose();
    }

    private async Task InTurnAsync(HttpContext context, RequestDelegate next)
    {
        await _turn.WaitAsync(context.RequestAborted);

        try
        {
            await next(context);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Who the client says it is: in the form, or before the colon of basic credentials (RFC 6749 §2.3.1), so that each guess counts against the same name.</summary>
    private static string Client(string authorization, string id)
    {
        var bytes = new byte[authorization.Length];

        return authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && Convert.TryFromBase64String(authorization[6..], bytes, out var written)
            ? System.Text.Encoding.UTF8.GetString(bytes, 0, written).Split(':')[0]
            : id;
    }
}
