using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>Token exchange as RFC 8693 has it, for issuers that speak it: the caller's token for one that acts for the same person at one API.</summary>
internal sealed class TokenExchange(ExchangeOptions options, IConfiguration configuration, IHttpClientFactory clients, TimeProvider time) : ITokenExchange
{
    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private readonly string _clientId = configuration[$"{Exchange.Scheme}:ClientId"]!;
    private readonly ClientAssertion? _assertion = options.KeyFile is null ? null : new ClientAssertion(options, configuration[$"{Exchange.Scheme}:ClientId"]!, time);

    public async Task<ExchangedToken> ExchangeAsync(string token, DownstreamTarget target, CancellationToken cancellationToken)
    {
        using var http = clients.CreateClient(IssuerClient.Name);
        using var request = Request(token, target);
        using var response = await http.SendAsync(request, cancellationToken);
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        // §2.2.2 has invalid_request for a subject token that is not taken; other issuers say invalid_grant, as with every other grant.
        return response.StatusCode == HttpStatusCode.OK
            ? Read(body, target)
            : throw IssuerErrors.Read((int)response.StatusCode, body, "invalid_grant", "invalid_request");
    }

    private HttpRequestMessage Request(string token, DownstreamTarget target)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = token,
            ["subject_token_type"] = AccessToken,
            ["requested_token_type"] = AccessToken,
            ["scope"] = string.Join(' ', target.Scopes),
        };
        if (target.Audience is not null)
        {
            // §2.1: a resource is a URI, an audience is whatever name the issuer has for it.
            form[Uri.IsWellFormedUriString(target.Audience, UriKind.Absolute) ? "resource" : "audience"] = target.Audience;
        }

        if (_assertion is not null)
        {
            (form["client_id"], form["client_assertion_type"], form["client_assertion"]) = (_clientId, ClientAssertion.Type, _assertion.Sign());
        }

        var request = new HttpRequestMessage(HttpMethod.Post, options.TokenEndpoint) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Accept.ParseAdd("application/json");
        if (options.ClientSecret is not null)
        {
            // Each part in the form encoding first (RFC 6749 §2.3.1), or a colon in an id would end it.
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(
                Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(_clientId)}:{WebUtility.UrlEncode(options.ClientSecret)}")));
        }

        return request;
    }

    /// <summary>§2.2.1. What is required there must be there; a refresh token, which nobody asked for, is not looked at.</summary>
    private ExchangedToken Read(string body, DownstreamTarget target)
    {
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            var (root, answer) = (json.RootElement, new TokenClaims(json.RootElement));
            if (answer.Text("issued_token_type") != AccessToken)
            {
                throw new ExchangeException(ExchangeFailure.NotAccepted, "obo_issued_type");
            }

            var scopes = answer.Has("scope")
                ? (answer.Scope("scope") ?? throw new InvalidOperationException("scope is no text.")).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                : target.Scopes;
            return new ExchangedToken(root.GetProperty("access_token").GetString() ?? "", answer.Text("token_type") ?? "", [.. scopes], Expiry(root));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw IssuerErrors.Unreadable((int)HttpStatusCode.OK);
        }
    }

    /// <summary>A life of unknown length is too long.</summary>
    private DateTimeOffset Expiry(JsonElement answer) =>
        answer.TryGetProperty("expires_in", out var left) && left.ValueKind == JsonValueKind.Number && left.TryGetInt64(out var seconds) && seconds is >= 0 and < int.MaxValue
            ? time.GetUtcNow().AddSeconds(seconds) : DateTimeOffset.MaxValue;
}
