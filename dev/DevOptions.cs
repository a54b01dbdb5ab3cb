using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>What the provider is configured to be. Its own section is <c>Dev</c>; the rest it reads from the server it stands beside.</summary>
/// <param name="Url">Where it listens, without a trailing slash. Always plain http on a loopback host.</param>
/// <param name="Directory">Where it keeps keys, secrets and its database.</param>
/// <param name="Resource">The only resource that it issues users' tokens for (RFC 8707).</param>
/// <param name="ServerClientId">The client id of the server itself, for the On-Behalf-Of grant.</param>
/// <param name="ScopesInWords">The scopes of the resource, each with what it lets a client do.</param>
/// <param name="DefaultScopes">What a client gets that asks for no scope (RFC 6749 §3.3).</param>
/// <param name="AccessTokenLifetime">How long an access token lives, and one that was exchanged for it: five minutes at most.</param>
/// <param name="RefreshTokenLifetime">How long a refresh token waits to be used: fourteen days at most.</param>
internal sealed record DevOptions(
    Uri Url,
    string Directory,
    string Resource,
    string ServerClientId,
    IReadOnlyDictionary<string, string> ScopesInWords,
    IReadOnlyList<string> DefaultScopes,
    TimeSpan AccessTokenLifetime,
    TimeSpan RefreshTokenLifetime)
{
    private static readonly string[] Settings = [nameof(Url), nameof(AccessTokenLifetime), nameof(RefreshTokenLifetime), nameof(AllowLoopbackClientDocuments), nameof(Clients)];

    /// <summary>Whether a client's document may be on this machine, in plain http too: for who writes a client. Never a default, because then any web page could have this machine's ports probed.</summary>
    public bool AllowLoopbackClientDocuments { get; private init; }

    /// <summary>The clients that are known from settings.</summary>
    public IReadOnlyList<ConfiguredClient> Clients { get; private init; } = [];

    /// <summary>The exact issuer string. It ends with a slash, because OpenIddict publishes it so, and issuers are compared as strings.</summary>
    public string Issuer => Url.AbsoluteUri;

    /// <summary>The audience of the stand-in for Microsoft Graph.</summary>
    public string Graph => $"{Issuer}graph";

    /// <summary>What a client gets: the scopes that it asked for, or the baseline when it named none.</summary>
    public IEnumerable<string> Granted(OpenIddictRequest request) => request.GetScopes() is { IsEmpty: false } asked ? asked : DefaultScopes;

    /// <summary>Whether there is such a scope.</summary>
    public bool IsKnown(string scope) => ScopesInWords.ContainsKey(scope) || scope is Scopes.OpenId or Scopes.OfflineAccess;

    /// <summary>What a scope lets a client do.</summary>
    public string InWords(string scope) => scope switch
    {
        Scopes.OpenId => "Know who you are",
        Scopes.OfflineAccess => "Stay connected, without asking you again",
        _ => ScopesInWords[scope],
    };

    /// <summary>Where a scope stands in a list: as the server lists its own, the others after them.</summary>
    public int PlaceOf(string scope) => ScopesInWords.Keys.ToList().IndexOf(scope) is >= 0 and var place ? place : ScopesInWords.Count;

    /// <summary>The settings, or nothing when the server trusts another issuer and this provider is not wanted.</summary>
    public static DevOptions? Read(IConfiguration configuration, IHostEnvironment environment, IReadOnlyDictionary<string, string> scopesInWords)
    {
        var url = configuration["Dev:Url"] ?? "http://localhost:5081";
        var authority = configuration["Auth:Issuers:0:Authority"] ?? url;

        if (!string.Equals(WithoutSlash(authority), WithoutSlash(url), StringComparison.Ordinal))
        {
            return null;
        }

        if (!environment.IsDevelopment())
        {
            throw new InvalidOperationException(
                $"The development identity provider runs in Development only, and this is {environment.EnvironmentName}: set Auth:Issuers:0:Authority to your issuer.");
        }

        if (configuration.GetSection("Dev").GetChildren().FirstOrDefault(setting => !Settings.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
        {
            throw new InvalidOperationException($"{unknown.Path} is not a setting: remove it. Those below Dev are {string.Join(", ", Settings.Select(name => $"Dev:{name}"))}.");
        }

        return new DevOptions(
            Loopback(url),
            Path.Combine(environment.ContentRootPath, configuration["Storage:Directory"] ?? ".data", "dev"),
            configuration["Mcp:Resource"] ?? "http://localhost:5080/mcp",
            configuration["Obo:ClientId"] ?? "mcp-files-server",
            scopesInWords,
            [.. Baseline(configuration).Where(scopesInWords.ContainsKey)],
            Lifetime(configuration, "Dev:AccessTokenLifetime", TimeSpan.FromMinutes(5)),
            Lifetime(configuration, "Dev:RefreshTokenLifetime", TimeSpan.FromDays(14)))
        {
            AllowLoopbackClientDocuments = IsOn(configuration, $"Dev:{nameof(AllowLoopbackClientDocuments)}"),
            Clients = ConfiguredClient.Read(configuration.GetSection($"Dev:{nameof(Clients)}"), configuration["Obo:ClientId"] ?? "mcp-files-server"),
        };
    }

    /// <summary>Plain http is safe only where no packet leaves the machine (RFC 8252 §8.3), so nothing but a loopback host is accepted.</summary>
    private static Uri Loopback(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && uri.Scheme == Uri.UriSchemeHttp
        && uri.Host is "localhost" or "127.0.0.1" or "[::1]"
        && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" }
            ? uri
            : throw new InvalidOperationException($"Dev:Url is {url}: set it to http on a loopback host with a port and no path, such as http://localhost:5081.");

    private static bool IsOn(IConfiguration configuration, string key) => configuration[key] switch
    {
        null => false,
        var text => bool.TryParse(text, out var on) ? on : throw new InvalidOperationException($"{key} must be true or false. Correct it."),
    };

    /// <summary>A lifetime can be shortened, to try out in seconds what takes minutes, and never be made longer: whole seconds, as tokens count.</summary>
    private static TimeSpan Lifetime(IConfiguration configuration, string key, TimeSpan longest) => configuration[key] switch
    {
        null => longest,
        var text when TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var lifetime)
            && lifetime >= TimeSpan.FromSeconds(1) && lifetime <= longest && lifetime.Ticks % TimeSpan.TicksPerSecond == 0 => lifetime,
        var text => throw new InvalidOperationException($"{key} is {text}: set it to whole seconds from 00:00:01 to {longest:c}, such as 00:00:10."),
    };

    private static string[] Baseline(IConfiguration configuration)
    {
        var section = configuration.GetSection("Mcp:BaselineScopes");
        var listed = section.GetChildren().Select(scope => scope.Value ?? "").ToArray();

        return listed.Length > 0 ? listed : (section.Value ?? "projects:read files:read").Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    private static string WithoutSlash(string url) => url.EndsWith('/') ? url[..^1] : url;
}
