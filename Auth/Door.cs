using System.Net;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace McpFilesServer.Auth;

/// <summary>
/// What is refused before anybody asks who is calling: a host name that is not this server's (DNS rebinding), a request that came in the clear, a body
/// that is too large, a browser page of another origin. Applies to every route.
/// </summary>
internal sealed class Door(RequestDelegate next, McpOptions mcp, IHostEnvironment environment, Surface surface, IAudit audit, GatewayMetrics metrics, GatewayAnswers answers, Hints hints)
{
    private readonly bool _httpsOnly = new Uri(mcp.Resource).Scheme == "https";
    private readonly HashSet<string> _hosts = [.. mcp.Hosts(environment)];
    private readonly HashSet<string> _origins = [.. mcp.Hosts(environment).Select(host => $"{new Uri(mcp.Resource).Scheme}://{host}"), .. mcp.AllowedOrigins];

    public async Task InvokeAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        if (Fault(context.Request) is not { } refusal)
        {
            await next(context);
            return;
        }

        metrics.Decided(refusal);
        hints.After(refusal, context);
        GatewayTrace.Decided(context, null, null, refusal);
        await audit.RecordAsync(AuditRecord.Of(context, surface.PolicyVersion, null, null, null, refusal), context.RequestAborted);
        await answers.WriteAsync(context, refusal);
    }

    private Refusal? Fault(HttpRequest request)
    {
        if (!_hosts.Contains(request.Host.Value?.ToLowerInvariant() ?? ""))
        {
            return Refusal.HostNotAllowed;
        }

        // Refused, not redirected: the token has been read by whoever listens, and a redirect would teach the client to go on like this.
        if (_httpsOnly && !request.IsHttps && request.Path.Value is not (Health.Live or Health.Ready))
        {
            return Refusal.NotHttps;
        }

        if (request.ContentLength > mcp.MaxRequestBytes)
        {
            return Refusal.TooLarge;
        }

        // Absent from anything but a browser; `null` is an origin like any other here (MCP transports, "Security Warning").
        if (request.Headers.Origin.Any(origin => !_origins.Contains(origin ?? "")))
        {
            return Refusal.OriginNotAllowed;
        }

        return IsAmbiguous(request.Headers) ? Refusal.BadFraming : null;
    }

    /// <summary>
    /// Kestrel lets a length beside chunks pass, and renames it; and it takes any coding before the last. A proxy in front may read such a request in
    /// another way (RFC 9112 §6.1), so it is not read at all.
    /// </summary>
    private static bool IsAmbiguous(IHeaderDictionary headers) =>
        headers.TransferEncoding.Count > 0 && (headers.TransferEncoding != "chunked" || headers.ContainsKey("X-Content-Length") || headers.ContentLength is not null);

    /// <summary>What Kestrel itself refuses, before there is a request.</summary>
    public static void Limits(KestrelServerOptions kestrel, McpOptions mcp)
    {
        kestrel.AddServerHeader = false;
        // The real limit is Mcp:MaxRequestBytes. Beyond it nothing is kept, but up to here Kestrel reads on, so that a client that is
        // still sending gets to read the refusal.
        kestrel.Limits.MaxRequestBodySize = Math.Max(32 * 1024 * 1024, mcp.MaxRequestBytes);
    }

    /// <summary>Pages of the configured origins may call, with a token in a header and never with a cookie. Without such origins CORS is off.</summary>
    public static void Cors(CorsOptions options, McpOptions mcp) => options.AddDefaultPolicy(policy => policy
        .WithOrigins([.. mcp.AllowedOrigins])
        .WithMethods(mcp.Sessions == SessionMode.Hybrid ? ["POST", "GET", "DELETE"] : ["POST", "GET"])
        .WithHeaders("Authorization", "Content-Type", "Accept", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", Sessions.Header)
        .WithExposedHeaders("WWW-Authenticate", "Retry-After", Sessions.Header));

    /// <summary>Only what a configured proxy says of the address and scheme that it was called with is believed, and only of the last hop.</summary>
    public static ForwardedHeadersOptions Forwarded(McpOptions mcp)
    {
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in mcp.KnownProxies)
        {
            options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy.Contains('/', StringComparison.Ordinal) ? proxy
                : $"{proxy}/{(IPAddress.Parse(proxy).AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128)}"));
        }

        return options;
    }
}
