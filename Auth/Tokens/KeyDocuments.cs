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

    public static void Configure(IServiceCollection services) =>
        services.AddHttpClient(Client, client => client.MaxResponseContentBufferSize = 256 * 1024)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    public async Task<string> GetDocumentAsync(string address, CancellationToken cancel)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || !(uri.Scheme == "https" || (loopbackMayBePlain && uri.IsLoopback && uri.Scheme == "http")))
        {
            throw new IssuerUnavailableException("A document of the issuer is not at an https address.");
        }

        using var response = await http.GetAsync(uri, cancel);
        return response.IsSuccessStatusCode
            ? await response.Content.ReadAsStringAsync(cancel)
            : throw new IssuerUnavailableException(
                $"The issuer answered {(int)response.StatusCode}.", new HttpRequestException(null, null, response.StatusCode));
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
