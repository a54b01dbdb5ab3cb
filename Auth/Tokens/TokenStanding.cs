namespace McpFilesServer.Auth;

/// <summary>Whether a token counts.</summary>
/// <param name="Caller">Who calls, when it does, with no more scopes than before.</param>
/// <param name="Fault">Why it does not.</param>
internal readonly record struct Standing(Caller? Caller, TokenFault? Fault);

/// <summary>
/// Whether a token that is good by itself still counts: nobody has revoked it, and its issuer, where it is to be asked, says that it is active.
/// Looked up each time, never remembered. What cannot be looked up does not count.
/// </summary>
internal sealed class TokenStanding(IRevocations revocations, IEnumerable<Introspection> introspections, AuthOptions auth, TimeProvider time, ILogger<TokenStanding> log)
{
    /// <summary>How long the revocations are waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Introspection> _introspections = introspections.ToDictionary(introspection => introspection.Issuer, StringComparer.Ordinal);

    /// <summary>Whether the token's time is over, for whoever has looked at it before.</summary>
    public bool HasExpired(Caller caller) => caller.ExpiresAt <= time.GetUtcNow() - auth.ClockSkew;

    public async Task<Standing> CheckAsync(Caller caller, string token, CancellationToken cancellationToken) =>
        (await CheckAsync([(caller, token)], cancellationToken))[0];

    /// <summary>The standing of each of these tokens, in their order. A token that is null is looked for among the revocations only.</summary>
    public async Task<IReadOnlyList<Standing>> CheckAsync(IReadOnlyList<(Caller Caller, string? Token)> tokens, CancellationToken cancellationToken)
    {
        HashSet<Caller> revoked;
        try
        {
            var found = await revocations.RevokedAsync(tokens.Select(token => token.Caller).ToList(), cancellationToken).WaitAsync(Patience, time, cancellationToken);
            revoked = found.ToHashSet<Caller>(ReferenceEqualityComparer.Instance);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogError(e, "The revocations cannot be read, so that no token counts");
            return [.. tokens.Select(_ => new Standing(null, new TokenFault("revocations_unavailable", Unavailable: true)))];
        }

        return await Task.WhenAll(tokens.Select(token =>
            revoked.Contains(token.Caller) ? Task.FromResult(new Standing(null, new TokenFault("token_revoked")))
            : token.Token is not null && _introspections.GetValueOrDefault(token.Caller.Issuer) is { } introspection
                ? introspection.AskAsync(token.Caller, token.Token, cancellationToken)
            : Task.FromResult(new Standing(token.Caller, null))));
    }
}
