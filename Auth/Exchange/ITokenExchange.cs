namespace McpFilesServer.Auth;

/// <summary>
/// One way of exchanging a caller's token at an issuer. It has nothing to ask with but that token and this server's proof of who it is; there is no way
/// to ask without a caller.
/// </summary>
internal interface ITokenExchange
{
    /// <summary>Asks once, and keeps nothing.</summary>
    /// <param name="token">The caller's token, validated. The only place it goes to is the issuer's token endpoint.</param>
    /// <param name="target">What the token is exchanged for.</param>
    /// <param name="cancellationToken">The end of the decision's time.</param>
    /// <exception cref="ExchangeException">There is no token, and why.</exception>
    Task<ExchangedToken> ExchangeAsync(string token, DownstreamTarget target, CancellationToken cancellationToken);
}

/// <summary>What a tool declared to call, as the issuer knows it.</summary>
/// <param name="Resource">The name that the declaration has for the downstream API.</param>
/// <param name="Scopes">Just the scopes that the tool declared, by their full names.</param>
/// <param name="Audience">The API's identifier at the issuer, when the settings say it.</param>
/// <param name="Listed">All scopes of the API that the settings list.</param>
internal sealed record DownstreamTarget(string Resource, IReadOnlyList<string> Scopes, string? Audience, IReadOnlyList<string> Listed);

/// <summary>What an issuer gave. Whether it is what was asked for is for <see cref="ExchangedTokenRules"/> to say.</summary>
/// <param name="Value">The token.</param>
/// <param name="Type">Its <c>token_type</c>.</param>
/// <param name="Scopes">The scopes that the issuer says it has. When it says nothing, those that were asked for (RFC 6749 §5.1).</param>
/// <param name="ExpiresAt">When it expires, by this server's clock.</param>
internal sealed record ExchangedToken(string Value, string Type, IReadOnlyCollection<string> Scopes, DateTimeOffset ExpiresAt);

/// <summary>Whose turn it is when there is no token.</summary>
internal enum ExchangeFailure
{
    /// <summary>The person's: the issuer wants a sign-in, a consent or claims.</summary>
    ClaimsNeeded,

    /// <summary>The client's: the issuer does not take the caller's token any more.</summary>
    CallerRefused,

    /// <summary>The operator's: the issuer does not know this server, or not what it asks for.</summary>
    Misconfigured,

    /// <summary>The operator's, too: the issuer gave something else than was asked for.</summary>
    NotAccepted,

    /// <summary>Nobody's: the issuer is away, slow or busy.</summary>
    Unavailable,
}

/// <summary>An exchange gave no token.</summary>
/// <param name="failure">Whose turn it is.</param>
/// <param name="reason">For the audit: a stable snake_case word.</param>
/// <param name="detail">For the operator: the issuer's error code. Never its description, which is text of somebody else.</param>
/// <param name="claims">What the issuer asks for, as it said it.</param>
internal sealed class ExchangeException(ExchangeFailure failure, string reason, string? detail = null, string? claims = null) : Exception(reason)
{
    public ExchangeFailure Failure => failure;

    public string Reason => Message;

    public string? Detail => detail;

    public string? Claims => claims;
}
