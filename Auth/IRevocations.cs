namespace McpFilesServer.Auth;

/// <summary>What a revocation names. Always together with an issuer: nobody's id means anything elsewhere.</summary>
internal enum RevocationKind
{
    /// <summary>One token, by the hash of its id.</summary>
    Token,

    /// <summary>All tokens of a person.</summary>
    Subject,

    /// <summary>All tokens of a client.</summary>
    Client,

    /// <summary>All tokens of a person that one client has.</summary>
    Grant,

    /// <summary>All tokens of a session at the issuer.</summary>
    Session,

    /// <summary>The tokens of a person that do not say of which session they are.</summary>
    Sessionless,

    /// <summary>A logout token, by the hash of its id: it counts once. No access token is ever looked up by this.</summary>
    Logout,
}

/// <summary>Tokens of this kind that were issued at <paramref name="IssuedUntil"/> or before are dead.</summary>
/// <param name="Issuer">The exact <c>iss</c> of the tokens.</param>
/// <param name="Kind">What <paramref name="Name"/> is.</param>
/// <param name="Name">The id of the token (its hash), person, client or session. Compared exactly.</param>
/// <param name="Client">The client of a <see cref="RevocationKind.Grant"/>; else empty.</param>
/// <param name="IssuedUntil">Compared with <c>iat</c>.</param>
internal sealed record Revocation(string Issuer, RevocationKind Kind, string Name, string Client, DateTimeOffset IssuedUntil);

/// <summary>What of a token a revocation can name.</summary>
internal interface IRevocable
{
    string Issuer { get; }

    string Subject { get; }

    string Client { get; }

    /// <summary>The hash of the token's id.</summary>
    string TokenId { get; }

    /// <summary>The session at the issuer (<c>sid</c>); null when the token does not say.</summary>
    string? Session { get; }

    DateTimeOffset IssuedAt { get; }
}

/// <summary>
/// The revocations, on disk. They are read for every request: nothing of them, and no verdict, is kept in memory. Every method throws when the store cannot
/// be read or written, and whoever asked refuses.
/// </summary>
internal interface IRevocations
{
    /// <summary>Which of these tokens are dead. Costs a few look-ups by key for each, however many revocations there are.</summary>
    Task<IReadOnlyCollection<T>> RevokedAsync<T>(IReadOnlyCollection<T> tokens, CancellationToken cancellationToken) where T : IRevocable;

    /// <summary>Adds revocations, all or none. Of two that name the same, the later time counts.</summary>
    /// <param name="revocations">What is dead.</param>
    /// <param name="once">When it is there already, nothing is added: a logout token that was used before.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False when <paramref name="once"/> was there already.</returns>
    Task<bool> AddAsync(IReadOnlyCollection<Revocation> revocations, Revocation? once, CancellationToken cancellationToken);

    /// <summary>Removes up to <paramref name="limit"/> revocations of tokens that were issued before this, and says how many.</summary>
    Task<int> PurgeAsync(DateTimeOffset issuedBefore, int limit, CancellationToken cancellationToken);
}
