using Microsoft.AspNetCore.Http;

namespace McpFilesServer.Dev;

/// <summary>What holds for every request: whose name it was sent to, where a form came from, and the headers of every answer.</summary>
internal static class Door
{
    /// <summary>
    /// Answers to its own names only, or a page of an attacker whose name resolves to 127.0.0.1 could read from it (DNS rebinding). Then goes on under
    /// the one name that is published, whichever was used, so that every URL in an answer begins with the issuer.
    /// </summary>
    public static Func<HttpContext, RequestDelegate, Task> Open(Uri url)
    {
        var port = url.IsDefaultPort ? "" : $":{url.Port}";
        string[] names = [$"localhost{port}", $"127.0.0.1{port}", $"[::1]{port}"];
        string[] origins = [.. names.Select(name => $"http://{name}")];

        return async (context, next) =>
        {
            if (!names.Contains(context.Request.Host.Value, StringComparer.OrdinalIgnoreCase))
            {
                context.Response.StatusCode = StatusCodes.Status400BadRequest;
                return;
            }

            if (HttpMethods.IsPost(context.Request.Method) && !IsForBrowserClients(context.Request.Path) && IsForeign(context.Request.Headers, origins))
            {
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                return;
            }

            context.Request.Host = new HostString(url.Authority);
            context.Response.OnStarting(() =>
            {
                Harden(context);
                return Task.CompletedTask;
            });

            await next(context);
        };
    }

    /// <summary>
    /// Clients that run in a browser may read metadata and keys, register, and redeem codes from any origin: none of it goes by a cookie. The pages
    /// where a person signs in and consents have no such permission (RFC 9700 §2.6).
    /// </summary>
    public static bool IsForBrowserClients(PathString path) =>
        path.Value is "/token" or "/register" or "/jwks" or "/revoke" || path.StartsWithSegments("/.well-known", StringComparison.Ordinal);

    /// <summary>
    /// A form of ours says that it comes from here. A browser that was told to send no referrer says "null" for an origin (Fetch §3.2), so its
    /// Sec-Fetch-Site decides then. What is no browser sends neither; it is stopped by the form's own token.
    /// </summary>
    private static bool IsForeign(IHeaderDictionary headers, string[] origins)
    {
        var origin = headers.Origin.ToString();
        var site = headers["Sec-Fetch-Site"].ToString();

        return site is not ("" or "same-origin") || (origin is not "" && !origins.Contains(origin, StringComparer.OrdinalIgnoreCase) && !(origin is "null" && site is "same-origin"));
    }

    private static void Harden(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";

        if (headers.CacheControl.Count == 0)
        {
            headers.CacheControl = "no-store"; // what an introspection or a refusal says is nobody's to keep (RFC 6749 §5.1)
        }

        if (!headers.ContainsKey("Content-Security-Policy"))
        {
            headers.ContentSecurityPolicy = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
        }

        // RFC 9700 §4.12: after a form with credentials the browser must come by GET and leave the form behind. OpenIddict says 302.
        if (HttpMethods.IsPost(context.Request.Method) && context.Response.StatusCode == StatusCodes.Status302Found)
        {
            context.Response.StatusCode = StatusCodes.Status303SeeOther;
        }
    }
}
