using System.Net;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.HttpOverrides;

namespace McpFilesServer.Auth;

/// <summary>
/// What is refused before anybody asks who is calling: a host name that is not this server's (DNS rebinding), a request that came in the clear, a body
/// that is too large, a browser page of another origin. Applies to every route.
/// </summary>
internal sealed class Door(RequestDelegate next, McpOptions mcp, IHostEnvironment environment, GatewayAnswers answers)
{
    private readonly bool _httpsOnly = new Uri(mcp.Resource).Scheme == "https";
    private readonly HashSet<string> _hosts = [.. mcp.Hosts(environment)];
    private readonly HashSet<string> _origins = [.. mcp.Hosts(environment).Select(host => $"{new Uri(mcp.Resource).Scheme}://{host}"), .. mcp.AllowedOrigins];

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var refusal = !_hosts.Contains(request.Host.Value?.ToLowerInvariant() ?? "") ? Refusal.HostNotAllowed
            // Refused, not redirected: the token has been read by whoever listens, and a redirect would teach the client to go on like this.
            : _httpsOnly && !request.IsHttps && !request.Path.StartsWithSegments("/health", StringComparison.Ordinal) ? Refusal.NotHttps
            : request.ContentLength > mcp.MaxRequestBytes ? Refusal.TooLarge
            // Absent from anything but a browser; `null` is an origin like any other here (MCP transports, "Security Warning").
            : request.Headers.Origin.Any(origin => !_origins.Contains(origin ?? "")) ? Refusal.OriginNotAllowed
            : null;
        if (refusal is not null)
        {
            return answers.WriteAsync(context, refusal);
        }

        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        return next(context);
    }

    /// <summary>Pages of the configured origins may call, with a token in a header and never with a cookie. Without such origins CORS is off.</summary>
    public static void Cors(CorsOptions options, McpOptions mcp) => options.AddDefaultPolicy(policy => policy
        .WithOrigins([.. mcp.AllowedOrigins])
        .WithMethods("POST", "GET")
        .WithHeaders("Authorization", "Content-Type", "Accept", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
        .WithExposedHeaders("WWW-Authenticate", "Retry-After"));

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
