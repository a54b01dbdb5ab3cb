using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Auth;

/// <summary>What a logout token asks for; or why it is none.</summary>
/// <param name="Revocations">What is dead from now on.</param>
/// <param name="Once">The logout token itself, which counts once.</param>
/// <param name="Issuer">Whose it is.</param>
/// <param name="Subject">Whom it is about, when it says.</param>
internal sealed record Logout(IReadOnlyList<Revocation> Revocations, Revocation Once, string Issuer, string? Subject);

/// <summary>
/// Reads logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.6), as strictly as access tokens and with the same keys. What makes one different:
/// its audience is this server as a client, it has an event and no nonce, it names a person, a session or both.
/// </summary>
internal sealed class LogoutTokens(AuthOptions auth, IConfiguration configuration, IServiceProvider services, TimeProvider time)
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    /// <summary>The longest <c>exp - iat</c>, and so the greatest age. §2.4 recommends two minutes.</summary>
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The type is recommended by §2.4 and required here: without it a token that was made for something else is one claim away from being taken for a
    /// logout token (RFC 8725 §3.11), and the issuers that this server is made for send it.
    /// </summary>
    private static readonly string[] Types = ["logout+jwt", "application/logout+jwt"];

    private readonly JsonWebTokenHandler _handler = TokenValidation.Handler();

    /// <summary>The client id of this server at its issuer. Without one nobody has a reason to send logout tokens.</summary>
    public static string? Audience(IConfiguration configuration) => configuration[$"{Exchange.Scheme}:ClientId"] is { Length: > 0 } id ? id : null;

    /// <returns>What is asked for; or null and the reason, which is for the operator.</returns>
    /// <exception cref="IssuerUnavailableException">The issuer's keys cannot be had.</exception>
    public async Task<(Logout? Logout, string Reason)> ReadAsync(string text, CancellationToken cancellationToken)
    {
        var iss = TokenValidation.Part(text, 1, "iss");
        if (Audience(configuration) is not { } audience || auth.Issuers.FirstOrDefault(issuer => iss is not null && issuer.Issues(iss)) is not { } issuer)
        {
            return (null, "logout_issuer_unknown");
        }

        var keys = services.GetRequiredKeyedService<IssuerKeys>(TokenValidation.Scheme(auth.Issuers.IndexOf(issuer)));
        if (TokenValidation.Part(text, 0, "kid") is not { } kid || !await keys.HasAsync(kid, cancellationToken))
        {
            return (null, "logout_key_unknown");
        }

        var parameters = TokenValidation.Parameters(issuer, audience, Types, auth.ClockSkew, time);
        parameters.IssuerSigningKeys = (await keys.GetConfigurationAsync(cancellationToken)).SigningKeys;
        var result = await _handler.ValidateTokenAsync(text, parameters);
        return result.IsValid ? Read((JsonWebToken)result.SecurityToken, issuer, audience) : (null, "logout_invalid");
    }

    private (Logout? Logout, string Reason) Read(JsonWebToken token, IssuerOptions issuer, string audience)
    {
        try
        {
            using var header = StrictToken.Part(token.EncodedHeader);
            using var payload = StrictToken.Part(token.EncodedPayload);
            var claims = new TokenClaims(payload.RootElement);
            var reason = StrictToken.HeaderFault(header.RootElement)
                ?? StrictToken.TimesFault(claims, MaxLifetime, auth.ClockSkew, time.GetUtcNow())
                ?? Fault(claims, payload.RootElement, audience, SubjectClaim(issuer));
            return reason is null ? (LogoutOf(claims, SubjectClaim(issuer)), "") : (null, reason.Replace("token_", "logout_", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return (null, "logout_malformed");
        }
    }

    /// <summary>The claim that is the caller's subject with this issuer.</summary>
    private static string SubjectClaim(IssuerOptions issuer) => issuer.Profile == TokenProfile.Entra ? "oid" : "sub";

    private static string? Fault(TokenClaims claims, JsonElement payload, string audience, string subject) => claims switch
    {
        _ when claims.Text("iss") is null || claims.Text("jti") is null => "logout_claim_missing",
        // This server and nobody else: a token for several could be passed on by any of them.
        _ when !claims.NamesOnly("aud", audience) => "logout_audience",
        _ when !IsLogout(payload) => "logout_event",
        // §2.4: prohibited, so that no ID token can be taken for a logout token.
        _ when claims.Has("nonce") => "logout_nonce",
        _ when ((string[])["sub", "sid", subject]).Any(name => claims.Has(name) && claims.Text(name) is null) => "logout_claim_mistyped",
        _ when claims.Text(subject) is null && claims.Text("sid") is null => "logout_of_nobody",
        _ => null,
    };

    /// <summary>One event, the logout; whatever else it may be about is not for this server.</summary>
    private static bool IsLogout(JsonElement payload) =>
        payload.TryGetProperty("events", out var events) && events.ValueKind == JsonValueKind.Object && events.EnumerateObject().Count() == 1
        && events.TryGetProperty(Event, out var logout) && logout.ValueKind == JsonValueKind.Object;

    /// <summary>
    /// With a session, that session ends, and what the person has that names no session, since it may be of this one. Without, everything of the person
    /// that was issued until then. The time is the issuer's own, as that in its access tokens is: it does not matter how far our clocks differ.
    /// </summary>
    private Logout LogoutOf(TokenClaims claims, string subjectClaim)
    {
        var (issuer, issuedAt) = (claims.Text("iss")!, claims.Time("iat")!.Value);
        var (subject, session) = (claims.Text(subjectClaim), claims.Text("sid"));
        var once = new Revocation(issuer, RevocationKind.Logout, Caller.HashOf(claims.Text("jti")!), "", claims.Time("exp")!.Value + auth.ClockSkew);
        var revocations = new List<Revocation>();
        if (session is not null)
        {
            revocations.Add(new Revocation(issuer, RevocationKind.Session, session, "", issuedAt));
        }

        if (subject is not null)
        {
            revocations.Add(new Revocation(issuer, session is null ? RevocationKind.Subject : RevocationKind.Sessionless, subject, "", issuedAt));
        }

        return new Logout(revocations, once, issuer, subject);
    }
}
