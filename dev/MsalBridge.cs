using System.Net;
using System.Net.Http.Json;

namespace McpFilesServer.Dev;

/// <summary>
/// MSAL insists on an https authority. This gives it one that exists only inside the process: requests to it are answered here, or carried to
/// the provider's plain-http endpoint on loopback. So no development certificate is needed. Requests to any other host pass untouched.
/// </summary>
internal sealed class MsalBridge(string issuer) : DelegatingHandler
{
    /// <summary>What the server configures as <c>Obo:Authority</c>. MSAL wants at least one path segment.</summary>
    public const string Authority = "https://127.0.0.1/dev";

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri is not { } uri || !uri.AbsoluteUri.StartsWith($"{Authority}/", StringComparison.Ordinal))
        {
            return base.SendAsync(request, cancellationToken);
        }

        if (uri.AbsolutePath.EndsWith("/.well-known/openid-configuration", StringComparison.Ordinal))
        {
            return Task.FromResult(Discovery(request));
        }

        request.RequestUri = new Uri(issuer + uri.AbsoluteUri[(Authority.Length + 1)..]);

        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>
    /// The issuer here is the authority's own name, because MSAL compares the two; in the tokens it is the provider's. The token endpoint
    /// leads back to here too: MSAL keeps this document for the life of the process, and two servers in one process have two providers.
    /// </summary>
    private HttpResponseMessage Discovery(HttpRequestMessage request) => new(HttpStatusCode.OK)
    {
        RequestMessage = request,
        Content = JsonContent.Create(new
        {
            issuer = Authority,
            authorization_endpoint = $"{issuer}authorize",
            token_endpoint = $"{Authority}/token",
            jwks_uri = $"{issuer}jwks",
        }),
    };
}
