namespace McpFilesServer.Auth;

/// <summary>Section <c>Mcp</c>: what this server is to its clients.</summary>
internal sealed class McpOptions : ISettings
{
    public static string Section => "Mcp";

    /// <summary>
    /// The canonical resource URI (RFC 8707 §2): the only audience accepted, the <c>resource</c> of the metadata, the base of
    /// challenge URLs, and the path of the endpoint. Absolute, with a path, without trailing slash, query or fragment.
    /// </summary>
    public string Resource { get; set; } = "";

    /// <summary>The scopes named by the 401 challenge and by <c>scopes_supported</c>: what a client asks for at first. It steps up from there.</summary>
    public string BaselineScopes { get; set; } = $"{Scopes.ProjectsRead} {Scopes.FilesRead}";

    /// <summary>Whether clients that speak the initialize-based protocol versions (2025-03-26 to 2025-11-25) are served beside 2026-07-28.</summary>
    public bool LegacyClients { get; set; } = true;

    /// <summary>The largest request body, in bytes. A larger one is refused with 413 before it is read.</summary>
    public int MaxRequestBytes { get; set; } = 1024 * 1024;

    /// <summary>The path of the MCP endpoint: that of <see cref="Resource"/>.</summary>
    public string Path => new Uri(Resource).AbsolutePath;

    /// <summary>Where the protected resource metadata is: the well-known part stands between host and path (RFC 9728 §3.1).</summary>
    public Uri MetadataUri => new(new Uri(Resource), MetadataPath);

    /// <summary>The path of <see cref="MetadataUri"/>.</summary>
    public string MetadataPath => $"/.well-known/oauth-protected-resource{Path}";

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (!Uri.TryCreate(Resource, UriKind.Absolute, out var resource) || resource.Scheme is not ("http" or "https"))
        {
            yield return "Mcp:Resource must be the absolute URL that clients use for this server, such as https://files.example.com/mcp.";
        }
        else if (Resource != $"{resource.Scheme}://{resource.Authority}{resource.AbsolutePath}" || Resource.EndsWith('/'))
        {
            yield return $"Mcp:Resource '{Resource}' must be in canonical form: lower-case host, no default port, a path, no trailing slash, query or fragment.";
        }
        else if (resource.Scheme != "https" && !(environment.IsDevelopment() && resource.IsLoopback))
        {
            yield return $"Mcp:Resource '{Resource}' must be https (plain http is for a loopback address in Development).";
        }

        if (BaselineScopes.Split(' ').FirstOrDefault(scope => !Scopes.InWords.ContainsKey(scope)) is { } unknown)
        {
            yield return $"Mcp:BaselineScopes names '{unknown}', which is no scope of this server. Name some of: {string.Join(' ', Scopes.InWords.Keys)}.";
        }

        if (MaxRequestBytes is < 1024 or > 64 * 1024 * 1024)
        {
            yield return "Mcp:MaxRequestBytes must be between 1024 and 67108864 bytes.";
        }
    }
}
