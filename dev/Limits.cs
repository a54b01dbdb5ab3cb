using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Primitives;

namespace McpFilesServer.Dev;

/// <summary>How often a page may be asked for.</summary>
internal static class Limits
{
    private const int PerMinute = 300;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Pages, registration and revocation (which answers a guess like a hit): every request counts, for each of them alone.</summary>
    public static RateLimitPartition<string> OfRequest(HttpContext context) =>
        context.Request.Path.Value is { } path and ("/register" or "/revoke" or "/authorize" or "/authorize/sign-in" or Account.Path or Account.DisconnectPath or Account.SignOutPath)
            ? RateLimitPartition.GetFixedWindowLimiter(path, _ => Fixed())
            : RateLimitPartition.GetNoLimiter("");

    public static ValueTask RefuseAsync(OnRejectedContext rejected, CancellationToken cancellationToken) => new(RefuseAsync(rejected.HttpContext, rejected.Lease));

    public static Task RefuseAsync(HttpContext context, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : Window;
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = new StringValues(Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture));

        return context.Response.WriteAsync("Too many requests. Wait as long as Retry-After says.", context.RequestAborted);
    }

    public static FixedWindowRateLimiterOptions Fixed() => new() { PermitLimit = PerMinute, Window = Window, QueueLimit = 0 };
}
