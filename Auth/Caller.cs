using System.Collections.Frozen;
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
/// <param name="TokenId">A hash of the token's own id: for the audit, useless to a thief.</param>
/// <param name="Scopes">The scopes that the token holds.</param>
/// <param name="IsApplication">Whether there is no person behind the token.</param>
internal sealed record Caller(
    string Issuer, string Subject, string Name, string Client, string TokenId, FrozenSet<string> Scopes, bool IsApplication) : ICaller
{
    public static Caller Of(string issuer, string subject, string? name, string client, string tokenId, string? scopes, bool isApplication) => new(
        issuer, subject, name ?? subject, client, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tokenId))),
        (scopes ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal), isApplication);
}
