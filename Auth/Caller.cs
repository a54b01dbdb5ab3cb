using System.Security.Cryptography;
using System.Text;
using McpFilesServer.Data;

namespace McpFilesServer.Auth;

/// <summary>
/// Who calls, as the validated access token says it, and nobody else: no header, argument or <c>_meta</c> adds to it.
/// Made anew for every request.
/// </summary>
/// <param name="Issuer">The issuer; with <paramref name="Subject"/> it is the identity.</param>
/// <param name="Subject">The issuer's stable id of the person.</param>
/// <param name="Name">What to call the person. For people to read, never for a decision.</param>
/// <param name="Client">The OAuth client that acts for the person.</param>
/// <param name="TokenId">A hash of the token's own id: for the audit and for revocation, useless to a thief.</param>
/// <param name="Scopes">The scopes that the token holds.</param>
/// <param name="IsApplication">Whether there is no person behind the token.</param>
/// <param name="Session">The session at the issuer, when the token names one.</param>
/// <param name="IssuedAt">When the issuer made the token, by the issuer's clock.</param>
/// <param name="ExpiresAt">When the token expires, by the issuer's clock.</param>
internal sealed record Caller(
    string Issuer, string Subject, string Name, string Client, string TokenId, IReadOnlySet<string> Scopes, bool IsApplication,
    string? Session, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt) : ICaller, IRevocable
{
    /// <summary>From claims that have been checked; which of them are subject, client, id and scopes is for the token's profile to say.</summary>
    public static Caller Of(TokenClaims claims, string subject, string client, string tokenId, string? scopes, bool isApplication) => new(
        claims.Text("iss")!, subject, claims.Text("name") ?? subject, client, HashOf(tokenId),
        (scopes ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal), isApplication,
        claims.Text("sid"), claims.Time("iat")!.Value, claims.Time("exp")!.Value);

    /// <summary>The id of a token as it is kept.</summary>
    public static string HashOf(string tokenId) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tokenId)));
}
