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

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Makes the caller from a token whose signature, issuer, audience and type have been validated.</summary>
    /// <returns>The caller; or null and the reason, which is for the operator and never for the client.</returns>
    public static Caller? Read(JsonWebToken token, IssuerOptions issuer, TimeSpan skew, DateTimeOffset now, out string reason)
    {
        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedHeader), Strict);
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedPayload), Strict);
            var claims = new TokenClaims(payload.RootElement);
            reason = HeaderFault(header.RootElement) ?? TimesFault(claims, issuer.LifetimeLimit, skew, now) ?? BindingFault(claims) ?? issuer.Profile switch
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

    /// <summary>A <c>crit</c> extension must be understood or the token refused (RFC 7515 §4.1.11); none is. Compression is not asked for.</summary>
    private static string? HeaderFault(JsonElement header) =>
        header.TryGetProperty("crit", out _) || header.TryGetProperty("zip", out _) || header.TryGetProperty("b64", out _)
            ? "token_header_extension" : null;

    private static string? TimesFault(TokenClaims claims, TimeSpan limit, TimeSpan skew, DateTimeOffset now)
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

    /// <summary>A sender-constrained token presented as plain Bearer is a stolen one (RFC 9449 §7.2, RFC 8705 §3).</summary>
    private static string? BindingFault(TokenClaims claims) => claims.Has("cnf") ? "token_sender_constrained" : null;
}

/// <summary>The claims of a token, with the types that they must have. A claim of another type is no claim.</summary>
internal readonly struct TokenClaims(JsonElement claims)
{
    public bool Has(string name) => claims.TryGetProperty(name, out _);

    /// <summary>A text of 1 to 512 characters.</summary>
    public string? Text(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 512 } text ? text : null;

    /// <summary>A list of scopes as one text, separated by spaces (RFC 6749 §3.3); null when it is something else, or too long.</summary>
    public string? Scope(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: <= 4096 } text ? text : null;

    /// <summary>A NumericDate (RFC 7519 §2): a number of seconds within what a date can be, never a string.</summary>
    public DateTimeOffset? Time(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out var seconds) && seconds is >= 0 and < 253_402_300_800
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : null;
}
