using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>
/// Asks an issuer whether a token of its own is still active (RFC 7662), for every request and never from memory. It can only take away: an answer that says
/// something else than the token is a refusal, and so is none within the deadline.
/// </summary>
internal sealed class Introspection(IssuerOptions issuer, string audience, IHttpClientFactory clients, TimeProvider time, ILogger<Introspection> log) : IDisposable
{
    private const string Client = "Introspection";

    /// <summary>How many questions are open at once. The rest waits for its turn, within its deadline.</summary>
    private const int MaxAtOnce = 32;

    /// <summary>For one question, the wait for its turn included.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private readonly SemaphoreSlim _places = new(MaxAtOnce);

    public string Issuer => issuer.Authority;

    public static void Configure(IServiceCollection services) =>
        services.AddHttpClient(Client, client => client.MaxResponseContentBufferSize = 64 * 1024)
            // A redirect would carry the token to wherever the answer says.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    /// <summary>The caller, with the scopes that both the token and the issuer's answer name.</summary>
    public async Task<Standing> AskAsync(Caller caller, string token, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Deadline, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _places.WaitAsync(deadline.Token);
            try
            {
                using var answer = JsonDocument.Parse(await PostAsync(token, deadline.Token), Strict);
                return Judge(caller, answer.RootElement);
            }
            finally
            {
                _places.Release();
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogWarning("{Issuer} did not say whether a token is active: {Error}", Issuer, e.GetType().Name);
            return new Standing(null, new TokenFault("introspection_unavailable", Unavailable: true));
        }
    }

    public void Dispose() => _places.Dispose();

    private async Task<byte[]> PostAsync(string token, CancellationToken cancellationToken)
    {
        var settings = issuer.Introspection!;
        using var http = clients.CreateClient(Client);
        using var request = new HttpRequestMessage(HttpMethod.Post, settings.Endpoint)
        {
            Content = new FormUrlEncodedContent([new("token", token), new("token_type_hint", "access_token")]),
        };
        // Each part in the form encoding first (RFC 6749 §2.3.1), or a colon in an id would end it.
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(
            Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(settings.ClientId)}:{WebUtility.UrlEncode(settings.ClientSecret)}")));
        request.Headers.Accept.ParseAdd("application/json");
        using var response = await http.SendAsync(request, cancellationToken);
        return response is { StatusCode: HttpStatusCode.OK, Content.Headers.ContentType.MediaType: "application/json" }
            ? await response.Content.ReadAsByteArrayAsync(cancellationToken)
            : throw new InvalidDataException("No JSON with status 200.");
    }

    private Standing Judge(Caller caller, JsonElement root)
    {
        var answer = new TokenClaims(root);
        return root.GetProperty("active").ValueKind switch
        {
            JsonValueKind.False => new Standing(null, new TokenFault("token_inactive")),
            JsonValueKind.True when Differs(caller, answer) => new Standing(null, new TokenFault("token_introspection_differs")),
            JsonValueKind.True => new Standing(Narrowed(caller, answer), null),
            _ => throw new InvalidDataException("active is neither true nor false."),
        };
    }

    /// <summary>Most of an answer is optional (§2.2). What it says, it must say of this token.</summary>
    private bool Differs(Caller caller, TokenClaims answer)
    {
        return Another("iss", caller.Issuer) || Another("sub", caller.Subject) || Another("client_id", caller.Client)
            || (answer.Has("jti") && (answer.Text("jti") is not { } id || Caller.HashOf(id) != caller.TokenId))
            || (answer.Has("aud") && !answer.Names("aud", audience))
            || AnotherTime("exp", caller.ExpiresAt) || AnotherTime("iat", caller.IssuedAt)
            || (answer.Has("scope") && answer.Scope("scope") is null)
            || answer.Has("cnf");

        bool Another(string name, string text) => answer.Has(name) && answer.Text(name) != text;

        bool AnotherTime(string name, DateTimeOffset time) => answer.Has(name) && !(answer.Time(name) is { } said && (said - time).Duration() < TimeSpan.FromSeconds(1));
    }

    private static Caller Narrowed(Caller caller, TokenClaims answer) => answer.Scope("scope") is { } scopes
        ? caller with { Scopes = caller.Scopes.Intersect(scopes.Split(' '), StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal) }
        : caller;
}
