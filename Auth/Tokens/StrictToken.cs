using System.Buffers.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Auth;

/// <summary>
/// What a token must say beyond a good signature (RFC 8725, RFC 9068 §4). The library's model of a token is forgiving (the last of two
/// equal members wins, a number may be a string), so header and claims are read once more here, strictly, and the caller is made from that.
/// </summary>
internal static class StrictToken
{
    /// <summary>Signature algorithms that are accepted: asymmetric ones only (RFC 8725 §3.1, §3.2).</summary>
    public static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    private static readonly string[] Extensions = ["crit", "zip", "enc", "b64"];

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Makes the caller from a token whose signature, issuer, audience and type have been validated.</summary>
    /// <returns>The caller; or null and the reason, which is for the operator and never for the client.</returns>
    public static Caller? Read(JsonWebToken token, IssuerOptions issuer, TimeSpan skew, DateTimeOffset now, out string reason)
    {
        try
        {
            using var header = Part(token.EncodedHeader);
            using var payload = Part(token.EncodedPayload);
            var claims = new TokenClaims(payload.RootElement);
            reason = HeaderFault(header.RootElement) ?? TimesFault(claims, issuer.LifetimeLimit, skew, now) ?? BindingFault(claims) ?? AudienceFault(claims)
                ?? SessionFault(claims) ?? issuer.Profile switch
                {
                    TokenProfile.Rfc9068 => Rfc9068.Fault(claims),
                    TokenProfile.Entra => Entra.Fault(claims, issuer),
                    _ => "token_profile_unknown",
                } ?? "";
            return reason.Length > 0 ? null : issuer.Profile == TokenProfile.Entra ? Entra.CallerOf(claims) : Rfc9068.CallerOf(claims);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            reason = "token_malformed";
            return null;
        }
    }

    /// <summary>A part of a token, without members that stand there twice.</summary>
    public static JsonDocument Part(string encoded) => JsonDocument.Parse(Base64Url.DecodeFromChars(encoded), Strict);

    /// <summary>What would change how the token is read must be understood or the token refused (RFC 7515 §4.1.11); nothing of it is.</summary>
    public static string? HeaderFault(JsonElement header) =>
        Extensions.Any(name => header.TryGetProperty(name, out _)) ? "token_header_extension" : null;

    /// <summary>One audience, or a list of them (RFC 7519 §4.1.3); that the right one is among them has been checked.</summary>
    private static string? AudienceFault(TokenClaims claims) => claims.IsTextOrTexts("aud") ? null : "token_claim_aud";

    /// <summary><c>exp</c>, <c>nbf</c> and <c>iat</c> against the clock and the longest life.</summary>
    public static string? TimesFault(TokenClaims claims, TimeSpan limit, TimeSpan skew, DateTimeOffset now)
    {
        if (claims.Time("exp") is not { } exp || claims.Time("iat") is not { } iat)
        {
            return "token_times_missing";
        }

        var nbf = claims.Has("nbf") ? claims.Time("nbf") : iat;
        return nbf is null || nbf > now + skew ? "token_not_yet_valid"
            : exp <= now - skew ? "token_expired"
            : iat > now + skew ? "token_issued_in_the_future"
            : exp - iat > limit ? "token_lives_too_long"
            : null;
    }

    /// <summary>A session that cannot be read could not be ended.</summary>
    private static string? SessionFault(TokenClaims claims) => claims.Has("sid") && claims.Text("sid") is null ? "token_claim_sid" : null;

    /// <summary>A sender-constrained token presented as plain Bearer is a stolen one (RFC 9449 §7.2, RFC 8705 §3).</summary>
    private static string? BindingFault(TokenClaims claims) => claims.Has("cnf") ? "token_sender_constrained" : null;
}
