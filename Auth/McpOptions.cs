using System.Net;
using System.Net.Sockets;

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

    /// <summary>Whether clients of the initialize-based versions get sessions, which they need to be asked anything.</summary>
    public SessionMode Sessions { get; set; } = SessionMode.Stateless;

    /// <summary>Which tools <c>tools/list</c> has. A client cannot step up to one that it does not see.</summary>
    public ToolListing ToolListing { get; set; } = ToolListing.All;

    /// <summary>The largest request body, in bytes. A larger one is refused with 413 before it is read.</summary>
    public int MaxRequestBytes { get; set; } = 1024 * 1024;

    /// <summary>Host names, with port unless it is the default one, that the server also answers to, beside that of <see cref="Resource"/>.</summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>Origins of web pages that may call, such as <c>https://chat.example.com</c>. Naming one turns CORS on, for these only.</summary>
    public IList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Addresses or networks (<c>10.1.0.0/16</c>) of the reverse proxies whose <c>X-Forwarded-For</c> and <c>-Proto</c> are believed.</summary>
    public IList<string> KnownProxies { get; set; } = [];

    /// <summary>The path of the MCP endpoint: that of <see cref="Resource"/>.</summary>
    public string Path => new Uri(Resource).AbsolutePath;

    /// <summary>Where the protected resource metadata is: the well-known part stands between host and path (RFC 9728 §3.1).</summary>
    public Uri MetadataUri => new(new Uri(Resource), MetadataPath);

    /// <summary>The path of <see cref="MetadataUri"/>.</summary>
    public string MetadataPath => $"/.well-known/oauth-protected-resource{Path}";

    /// <summary>Every host name that the server answers to, as a Host header has it. In Development, on loopback, a machine has three names for itself.</summary>
    public IEnumerable<string> Hosts(IHostEnvironment environment)
    {
        var resource = new Uri(Resource);
        string[] names = environment.IsDevelopment() && resource.IsLoopback ? ["localhost", "127.0.0.1", "[::1]"] : [resource.IdnHost];
        return names.Select(name => resource.IsDefaultPort ? name : $"{name}:{resource.Port}").Concat(AllowedHosts);
    }

    public IEnumerable<string> Problems(IHostEnvironment environment) =>
        ResourceProblems(environment).Concat(ListProblems(environment)).Concat(RangeProblems());

    private IEnumerable<string> ResourceProblems(IHostEnvironment environment)
    {
        if (!Uri.TryCreate(Resource, UriKind.Absolute, out var resource) || resource.Scheme is not ("http" or "https"))
        {
            yield return "Mcp:Resource must be the absolute URL that clients use for this server, such as https://files.example.com/mcp.";
        }
        else if (Resource != $"{resource.Scheme}://{resource.Authority}{resource.AbsolutePath}" || Resource.EndsWith('/'))
        {
            yield return $"Mcp:Resource '{Resource}' must be in canonical form: lower-case host, no default port, a path, no trailing slash, query or fragment.";
        }
        else if (((string[])["/health", "/.well-known", BackchannelLogout.Path]).Any(taken => resource.AbsolutePath == taken || resource.AbsolutePath.StartsWith($"{taken}/", StringComparison.Ordinal))
            || resource.AbsolutePath.Any(c => c is '%' or '{' or '}'))
        {
            yield return $"Mcp:Resource '{Resource}' must have a plain path of its own, such as /mcp.";
        }
        else if (resource.Scheme != "https" && !(environment.IsDevelopment() && resource.IsLoopback))
        {
            yield return $"Mcp:Resource '{Resource}' must be https (plain http is for a loopback address in Development).";
        }
    }

    private IEnumerable<string> ListProblems(IHostEnvironment environment)
    {
        if (AllowedHosts.FirstOrDefault(host => host.Any(char.IsAsciiLetterUpper) || !Uri.TryCreate($"https://{host}", UriKind.Absolute, out var uri) || uri.PathAndQuery != "/" || host.Contains('*', StringComparison.Ordinal)) is { } badHost)
        {
            yield return $"Mcp:AllowedHosts has '{badHost}', which is no exact host name. Name each host, in lower case, with its port when that is not the default.";
        }

        if (AllowedOrigins.FirstOrDefault(origin => !IsOrigin(origin, environment)) is { } badOrigin)
        {
            yield return $"Mcp:AllowedOrigins has '{badOrigin}', which is no exact https origin such as https://chat.example.com.";
        }

        if (KnownProxies.FirstOrDefault(proxy => !(IPAddress.TryParse(proxy, out _) || (IPNetwork.TryParse(proxy, out var network) && network.PrefixLength >= (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 8 : 32)))) is { } badProxy)
        {
            yield return $"Mcp:KnownProxies has '{badProxy}', which is no address and no network of /8 (IPv6: /32) or smaller. Name the reverse proxies, and nobody else.";
        }
    }

    private IEnumerable<string> RangeProblems()
    {
        if (BaselineScopes.Split(' ').FirstOrDefault(scope => !Scopes.InWords.ContainsKey(scope)) is { } unknown)
        {
            yield return $"Mcp:BaselineScopes names '{unknown}', which is no scope of this server. Name some of: {string.Join(' ', Scopes.InWords.Keys)}.";
        }

        if (!Enum.IsDefined(Sessions) || (Sessions == SessionMode.Hybrid && !LegacyClients))
        {
            yield return "Mcp:Sessions must be Stateless or Hybrid; Hybrid is for the clients that Mcp:LegacyClients serves.";
        }

        if (!Enum.IsDefined(ToolListing))
        {
            yield return "Mcp:ToolListing must be All or Granted.";
        }

        if (MaxRequestBytes is < 1024 or > 64 * 1024 * 1024)
        {
            yield return "Mcp:MaxRequestBytes must be between 1024 and 67108864 bytes.";
        }
    }

    private static bool IsOrigin(string origin, IHostEnvironment environment) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && origin == $"{uri.Scheme}://{uri.Authority}"
        && (uri.Scheme == "https" || (environment.IsDevelopment() && uri.IsLoopback && uri.Scheme == "http"));
}

/// <summary>Who has a session.</summary>
internal enum SessionMode
{
    /// <summary>Nobody: every request stands alone.</summary>
    Stateless,

    /// <summary>Clients of the initialize-based versions, and they must. Those of 2026-07-28 never have one.</summary>
    Hybrid,
}

/// <summary>Which tools are listed.</summary>
internal enum ToolListing
{
    /// <summary>Every tool, so that a client can ask for the scopes of one.</summary>
    All,

    /// <summary>Those whose scopes the token holds.</summary>
    Granted,
}
