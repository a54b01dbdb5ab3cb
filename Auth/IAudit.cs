using System.Diagnostics;

namespace McpFilesServer.Auth;

/// <summary>Where decisions are recorded. A decision that cannot be recorded is a refusal.</summary>
internal interface IAudit
{
    /// <summary>Returns when the record is durable.</summary>
    /// <returns>Its number; 0 when it is one of many refusals without a valid token, which are counted and not recorded one by one.</returns>
    Task<long> RecordAsync(AuditRecord record, CancellationToken cancellationToken);

    /// <summary>Records how something went that is already on record. Nobody waits for it.</summary>
    void Follow(AuditRecord record);
}

/// <summary>One decision, in words for the operator. Never a token, an argument or content: names, hashes and reasons.</summary>
internal sealed record AuditRecord
{
    /// <summary>
    /// <c>decision</c> for what the gateway decided; <c>exchange</c> for what became of an exchange after it; <c>confirmation</c> for what became of a question; <c>revocation</c>
    /// for tokens that were revoked, for a logout that was refused, and for an answer that was broken off because its token no longer counted.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary><c>allow</c>, <c>deny</c>, <c>challenge</c> or <c>error</c>; of a question <c>asked</c>, <c>accepted</c>, <c>declined</c>, <c>cancelled</c> or <c>refused</c>.</summary>
    public required string Decision { get; init; }

    /// <summary>Why, as a stable snake_case word.</summary>
    public required string Reason { get; init; }

    public required string PolicyVersion { get; init; }

    public string? TraceId { get; init; }

    public string? Address { get; init; }

    public string? Issuer { get; init; }

    public string? Subject { get; init; }

    public string? Client { get; init; }

    /// <summary>A hash of the token's <c>jti</c>.</summary>
    public string? TokenId { get; init; }

    public string? Method { get; init; }

    public string? Target { get; init; }

    /// <summary>SHA-256 of the arguments as they were sent.</summary>
    public string? ArgumentsDigest { get; init; }

    public string? ScopesNeeded { get; init; }

    public string? ScopesHeld { get; init; }

    /// <summary>The number of the record that this one follows.</summary>
    public long? About { get; init; }

    /// <summary>The slug that the arguments named, when it has the form of one.</summary>
    public string? Project { get; init; }

    /// <summary>How long it took, in milliseconds.</summary>
    public long? DurationMs { get; init; }

    /// <summary>How many bytes were answered.</summary>
    public long? Bytes { get; init; }

    /// <summary>For how many this record stands.</summary>
    public long? Repeated { get; init; }

    /// <summary>More, in the server's own words.</summary>
    public string? Detail { get; init; }

    /// <summary>A decision of the gateway.</summary>
    /// <param name="http">For the trace and the address.</param>
    /// <param name="policyVersion">The version of the policy it was made under.</param>
    /// <param name="caller">Who asked, when it is known.</param>
    /// <param name="operation">What was asked for. Null when it is nothing that exists: the audit is no place for a stranger's text.</param>
    /// <param name="message">The message, for the digest of its arguments.</param>
    /// <param name="refusal">Null for "allow".</param>
    public static AuditRecord Of(HttpContext http, string policyVersion, Caller? caller, Operation? operation, Envelope? message, Refusal? refusal) => new()
    {
        Kind = "decision",
        Decision = refusal?.Decision ?? "allow",
        Reason = refusal?.Reason ?? "scopes_held",
        PolicyVersion = policyVersion,
        TraceId = Activity.Current?.TraceId.ToString() ?? http.TraceIdentifier,
        Address = http.Connection.RemoteIpAddress?.ToString(),
        Issuer = caller?.Issuer,
        Subject = caller?.Subject,
        Client = caller?.Client,
        TokenId = caller?.TokenId,
        Method = operation?.Method,
        Target = operation?.Target,
        ArgumentsDigest = operation is null ? null : message?.ArgumentsDigest,
        ScopesNeeded = operation is null ? null : string.Join(' ', operation.Scopes),
        ScopesHeld = caller is null ? null : string.Join(' ', caller.Scopes.Order(StringComparer.Ordinal)),
    };

    /// <summary>About revocation. Whom it concerns is for the one who records it to add.</summary>
    public static AuditRecord OfRevocation(string decision, string reason, string policyVersion) =>
        new() { Kind = "revocation", Decision = decision, Reason = reason, PolicyVersion = policyVersion, TraceId = Activity.Current?.TraceId.ToString() };
}
