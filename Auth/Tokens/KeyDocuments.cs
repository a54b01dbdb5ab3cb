using System.Net;
using Microsoft.IdentityModel.Protocols;

namespace McpFilesServer.Auth;

/// <summary>
/// Fetches an issuer's documents: from https only (or loopback in Development), never through a redirect, and no more of them than a
/// discovery document or key set can sensibly have.
/// </summary>
internal sealed class KeyDocuments(HttpClient http, bool loopbackMayBePlain) : IDocumentRetriever
{
    /// <summary>The client that <see cref="KeyDocuments"/> takes.</summary>
    public const string Client = "IssuerKeys";

    /// <summary>What time it was by the issuer's clock when it last answered; null when it does not say.</summary>
    public DateTimeOffset? Time { get; private set; }

    public static void Configure(IServiceCollection services) =>
        services.AddHttpClient(Client, client => client.MaxResponseContentBufferSize = 256 * 1024)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    public async Task<string> GetDocumentAsync(string address, CancellationToken cancel)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || !(uri.Scheme == "https" || (loopbackMayBePlain && uri.IsLoopback && uri.Scheme == "http")))
        {
            throw new IssuerUnavailableException("a document of it is not at an https address. Set Authority to an https issuer whose discovery document has https addresses.");
        }

        using var response = await http.GetAsync(uri, cancel);
        // A cache on the way says how old its copy is (RFC 9111 §5.1).
        Time = response.Headers.Date + (response.Headers.Age ?? TimeSpan.Zero);
        return response.IsSuccessStatusCode
            ? await response.Content.ReadAsStringAsync(cancel)
            : throw new IssuerUnavailableException(
                $"it answered {(int)response.StatusCode} to its discovery or its keys. Correct Authority, or look there.", new HttpRequestException(null, null, response.StatusCode));
    }

    /// <summary>Whether fetching failed because there is no such document, and not in another way. The library wraps what was thrown here.</summary>
    public static bool IsNotFound(Exception e)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpRequestException { StatusCode: HttpStatusCode.NotFound })
            {
                return true;
            }
        }

        return false;
    }
}
