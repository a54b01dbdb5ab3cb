namespace McpFilesServer.Auth;

/// <summary>
/// What is refused before anybody asks who is calling: a host name that is not this server's (DNS rebinding), a body that is too
/// large, a browser page of another origin. Applies to every route.
/// </summary>
internal sealed class Door(RequestDelegate next, McpOptions mcp, IHostEnvironment environment, GatewayAnswers answers)
{
    private readonly HashSet<string> _hosts = Hosts(new Uri(mcp.Resource), environment);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var refusal = !_hosts.Contains(request.Host.Value ?? "") ? Refusal.HostNotAllowed
            : request.ContentLength > mcp.MaxRequestBytes ? Refusal.TooLarge
            // Absent from anything but a browser; `null` is an origin like any other here (MCP transports, "Security Warning").
            : request.Headers.Origin.Any(origin => !IsOwn(origin)) ? Refusal.OriginNotAllowed
            : null;
        if (refusal is not null)
        {
            return answers.WriteAsync(context, refusal);
        }

        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        return next(context);
    }

    private bool IsOwn(string? origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && origin == $"{uri.Scheme}://{uri.Authority}"
        && uri.Scheme == new Uri(mcp.Resource).Scheme && _hosts.Contains(uri.Authority);

    /// <summary>The host of the resource; in Development, on loopback, also that machine's other names for itself.</summary>
    private static HashSet<string> Hosts(Uri resource, IHostEnvironment environment)
    {
        string[] names = environment.IsDevelopment() && resource.IsLoopback ? ["localhost", "127.0.0.1", "[::1]"] : [resource.Host];
        return names.Select(name => resource.IsDefaultPort ? name : $"{name}:{resource.Port}").ToHashSet(StringComparer.OrdinalIgnoreCase);
    }
}
