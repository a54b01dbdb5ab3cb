using System.Buffers.Text;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Auth;

/// <summary>
/// What a JWT access token must say beyond a good signature, by RFC 9068 and RFC 8725. The library's model of a token is forgiving
/// (the last of two equal members wins, a number may be a string), so header and claims are read once more here, strictly.
/// </summary>
internal static class Rfc9068
{
    /// <summary>Signature algorithms that are accepted: asymmetric ones only (RFC 8725 §3.1, §3.2).</summary>
    public static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>Header types that name a JWT access token (RFC 9068 §2.1): an ID token, logout token or DPoP proof has another.</summary>
    public static readonly string[] Types = ["at+jwt", "application/at+jwt"];

    /// <summary>How far the clocks of issuer and server may differ.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Makes the caller from a token whose signature, issuer, audience and type have been validated.</summary>
    /// <returns>The caller; or null and the reason, which is for the operator and never for the client.</returns>
    public static Caller? Read(JsonWebToken token, IssuerOptions issuer, DateTimeOffset now, out string reason)
    {
        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedHeader), Strict);
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedPayload), Strict);
            reason = HeaderFault(header.RootElement) ?? ClaimsFault(payload.RootElement, issuer, now) ?? "";
            return reason.Length == 0 ? CallerFrom(payload.RootElement) : null;
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

    private static string? ClaimsFault(JsonElement claims, IssuerOptions issuer, DateTimeOffset now)
    {
        foreach (var name in (ReadOnlySpan<string>)["iss", "sub", "jti", "client_id"])
        {
            if (Text(claims, name) is not { Length: > 0 and <= 512 })
            {
                return $"token_claim_{name}";
            }
        }

        if (Time(claims, "exp") is not { } exp || Time(claims, "iat") is not { } iat)
        {
            return "token_times_missing";
        }

        if (claims.TryGetProperty("nbf", out _) && (Time(claims, "nbf") is not { } nbf || nbf > now + ClockSkew))
        {
            return "token_not_yet_valid";
        }

        return claims switch
        {
            _ when exp <= now - ClockSkew => "token_expired",
            _ when iat > now + ClockSkew => "token_issued_in_the_future",
            _ when exp - iat > issuer.MaxTokenLifetime => "token_lives_too_long",
            // A sender-constrained token presented as plain Bearer is a stolen one (RFC 9449 §7.2, RFC 8705 §3).
            _ when claims.TryGetProperty("cnf", out _) => "token_sender_constrained",
            _ when claims.TryGetProperty("scope", out var scope) && scope.ValueKind != JsonValueKind.String => "token_scope_type",
            _ => null,
        };
    }

    private static Caller CallerFrom(JsonElement claims) => new(
        Text(claims, "iss")!,
        Text(claims, "sub")!,
        Text(claims, "name") ?? Text(claims, "sub")!,
        Text(claims, "client_id")!,
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text(claims, "jti")!))),
        (Text(claims, "scope") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal));

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A NumericDate (RFC 7519 §2): a number of seconds within what a date can be, never a string.</summary>
    private static DateTimeOffset? Time(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out var seconds) && seconds is >= 0 and < 253_402_300_800
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : null;
}
