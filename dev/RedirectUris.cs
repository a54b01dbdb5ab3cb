using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpFilesServer.Dev;

/// <summary>Where a code may be sent. A code that goes to the wrong place is a stolen code, so this is the rule that everything else leans on.</summary>
internal static class RedirectUris
{
    /// <summary>Schemes that editors register for themselves although RFC 8252 §7.1 wants a reversed domain name, which has a dot.</summary>
    private static readonly string[] EditorSchemes = ["cursor", "vscode", "vscode-insiders", "windsurf"];

    /// <summary>Whether a client may register it: https, http on a loopback host, or a scheme that belongs to an app.</summary>
    public static bool IsAllowed(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri is { Fragment: "", UserInfo: "" }
        && !text.Contains('#', StringComparison.Ordinal)
        && !uri.Query.Contains("iss=", StringComparison.OrdinalIgnoreCase) // ours, in the answer (RFC 9207)
        && uri.Scheme switch
        {
            "https" => uri.HostNameType is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6,
            "http" => IsLoopback(uri),
            var scheme => scheme.Contains('.', StringComparison.Ordinal) || EditorSchemes.Contains(scheme),
        };

    /// <summary>
    /// The exact string that was registered (RFC 9700 §4.1.3), except that a program which listens on a loopback address given as a number may pick its
    /// port at the last moment (RFC 8252 §7.3). The name localhost is not a number: §8.3 advises against it, and another program may own the port.
    /// </summary>
    public static bool Match(string registered, string asked) =>
        registered == asked || (Portless(registered) is { } one && one == Portless(asked));

    public static bool IsLoopback(Uri uri) => uri.Scheme == Uri.UriSchemeHttp && uri.Host is "localhost" or "127.0.0.1" or "[::1]";

    /// <summary>The string without its port, when it begins with a loopback address as a number; taken from the text, so that nothing is normalised.</summary>
    private static string? Portless(string text)
    {
        foreach (var start in (string[])["http://127.0.0.1", "http://[::1]"])
        {
            if (text.StartsWith(start, StringComparison.Ordinal))
            {
                var rest = text[start.Length..];
                var digits = rest.StartsWith(':') ? rest.Skip(1).TakeWhile(char.IsAsciiDigit).Count() : 0;
                var path = digits is > 0 and <= 5 ? rest[(digits + 1)..] : rest;

                return path is "" || path[0] is '/' or '?' ? start + path : null;
            }
        }

        return null;
    }
}

/// <summary>OpenIddict's client manager with the redirect rule of this provider.</summary>
internal sealed class ClientManager(
    IOpenIddictApplicationCache<OpenIddictEntityFrameworkCoreApplication> cache,
    ILogger<OpenIddictApplicationManager<OpenIddictEntityFrameworkCoreApplication>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store)
    : OpenIddictApplicationManager<OpenIddictEntityFrameworkCoreApplication>(cache, logger, options, store)
{
    public override async ValueTask<bool> ValidateRedirectUriAsync(OpenIddictEntityFrameworkCoreApplication application, string uri, CancellationToken cancellationToken = default) =>
        (await GetRedirectUrisAsync(application, cancellationToken)).Any(registered => RedirectUris.Match(registered, uri));
}
