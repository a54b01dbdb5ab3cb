using System.Buffers;
using System.Web;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>Where a code may be sent. A code that goes to the wrong place is a stolen code, so this is the rule that everything else leans on.</summary>
internal static class RedirectUris
{
    private const int MaximumLength = 1024;

    /// <summary>The characters of RFC 3986 without '#'. With others a browser might read another host than the consent page shows.</summary>
    private static readonly SearchValues<char> UriCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()*+,;=%");

    /// <summary>What an answer consists of. A redirect URI that has one of these already would give the client two (RFC 9207 §2.4, RFC 6749 §3.1.2).</summary>
    private static readonly string[] OfAnswer = [Parameters.Code, Parameters.State, Parameters.Iss, Parameters.Error];

    /// <summary>
    /// Whether a client may register it: https, or http on a loopback host. A scheme of an app's own would do for RFC 8252 §7.1, but any program on the
    /// machine can claim it, and MCP allows it no more.
    /// </summary>
    public static bool IsAllowed(string text) =>
        text.Length <= MaximumLength
        && !text.AsSpan().ContainsAnyExcept(UriCharacters)
        && Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri is { Fragment: "", UserInfo: "" }
        && text.StartsWith($"{uri.Scheme}://{uri.Host}", StringComparison.OrdinalIgnoreCase) // written as it is read: no 0x7f.1, no empty user
        && !OfAnswer.Any(name => HttpUtility.ParseQueryString(uri.Query).AllKeys.Contains(name, StringComparer.OrdinalIgnoreCase))
        && (uri.Scheme is "https" ? uri.HostNameType is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6 : IsLoopback(uri));

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
