namespace McpFilesServer.Auth;

/// <summary>
/// The questions that wait for a person's answer. Kept where a restart does not lose them, because what was answered must never be answered again.
/// </summary>
internal interface IQuestions
{
    /// <summary>Seconds until this person can be asked again; null when there is room now.</summary>
    Task<int?> WaitAsync(string issuer, string subject, int limit, CancellationToken cancellationToken);

    /// <summary>Keeps a question.</summary>
    /// <returns>Whether there was room: at most <paramref name="limit"/> wait for one person at once, through all clients.</returns>
    Task<bool> TryOpenAsync(OpenQuestion question, int limit, CancellationToken cancellationToken);

    /// <summary>Ends a question.</summary>
    /// <returns>Whether it was open; true exactly once for each question, however many ask at the same time.</returns>
    Task<bool> TryCloseAsync(string id, CancellationToken cancellationToken);
}

/// <summary>A question that waits for its answer.</summary>
internal sealed record OpenQuestion
{
    /// <summary>128 random bits.</summary>
    public required string Id { get; init; }

    public required string Issuer { get; init; }

    public required string Subject { get; init; }

    public required string Client { get; init; }

    public required string Tool { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}
