using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Auth;
using Microsoft.AspNetCore.DataProtection;

namespace McpFilesServer.Tools;

/// <summary>
/// What goes with a question to the client and comes back with the answer (MCP 2026-07-28, "Multi Round-Trip Requests"): who was asked, about which call,
/// until when. Encrypted and signed, so that a client can neither read nor make one.
/// </summary>
/// <param name="Question">The id of the question in the database, which is what makes it count once.</param>
/// <param name="Expires">When the answer comes too late, in seconds since 1970.</param>
/// <param name="Issuer">With <paramref name="Subject"/>: who was asked.</param>
/// <param name="Subject">With <paramref name="Issuer"/>: who was asked.</param>
/// <param name="Client">Through which client.</param>
/// <param name="Tool">About which tool.</param>
/// <param name="Arguments">The digest of the canonical arguments.</param>
/// <param name="Version">The digest of the sentence and of the version of what is touched.</param>
internal sealed record RequestState(string Question, long Expires, string Issuer, string Subject, string Client, string Tool, string Arguments, string Version)
{
    /// <summary>Whether it was made for this person, through this client, for this tool.</summary>
    public bool IsOf(Caller caller, string tool) => (Issuer, Subject, Client, Tool) == (caller.Issuer, caller.Subject, caller.Client, tool);
}

/// <summary>Seals and opens <see cref="RequestState"/>.</summary>
internal sealed class RequestStates(IDataProtectionProvider protection)
{
    private readonly IDataProtector _protector = protection.CreateProtector("McpFilesServer.Tools.RequestState.v1");

    public string Seal(RequestState state) => _protector.Protect(JsonSerializer.Serialize(state));

    /// <returns>The state; null when it is not one that this server sealed.</returns>
    public RequestState? Open(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<RequestState>(_protector.Unprotect(text));
        }
        catch (Exception e) when (e is CryptographicException or FormatException or JsonException)
        {
            return null;
        }
    }
}
