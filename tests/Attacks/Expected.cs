namespace McpFilesServer.Tests.Attacks;

/// <summary>A refusal as the table of answers has it (product.md §5).</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The JSON-RPC error code; null when the answer has no body of ours.</param>
/// <param name="Decision">The decision in the audit; null when the request never reached the gateway.</param>
/// <param name="Reason">A regular expression for the reason in the audit.</param>
/// <param name="Challenge">What the challenge says before the address of the metadata; null when there must be none.</param>
internal sealed record Expected(int Status, int? Code, string? Decision, string Reason, string? Challenge = null)
{
    private const string Baseline = "scope=\"projects:read files:read\"";

    /// <summary><c>U401()</c>: no credentials, or none that this server knows.</summary>
    public static readonly Expected NoToken = new(401, 401, "deny", "no_token", Baseline);

    /// <summary><c>U401(invalid_token)</c>: whatever is wrong with it, the client hears the same.</summary>
    public static readonly Expected BadToken = new(401, 401, "deny", "token_[a-z0-9_]+", $"error=\"invalid_token\", {Baseline}");

    /// <summary>A call sent as a notification: taken, not carried out, nothing said.</summary>
    public static readonly Expected NotCarriedOut = new(202, null, "deny", "notification_not_carried_out");

    public static readonly Expected UnknownTarget = new(200, -32602, "deny", "unknown_target");

    public static readonly Expected HeaderMismatch = new(400, -32020, "deny", "header_mismatch");

    public static readonly Expected VersionNotServed = new(400, -32022, "deny", "version_not_served");

    public static readonly Expected NotJson = new(400, -32700, "deny", "malformed_json");

    public static readonly Expected NotAMessage = new(400, -32600, "deny", "malformed_message");

    public static readonly Expected TooLarge = new(413, -32600, "deny", "request_too_large");

    public static readonly Expected WrongMediaType = new(415, -32600, "deny", "unsupported_media_type");

    /// <summary>Ours is broken: closed.</summary>
    public static readonly Expected Unavailable = new(503, 503, null, "");

    /// <summary><c>F403(scopes)</c>: the client can step up to exactly these.</summary>
    public static Expected ScopeMissing(string scopes) => new(403, 403, "challenge", "scope_missing", $"error=\"insufficient_scope\", scope=\"{scopes}\"");

    /// <summary><c>P403</c>: no scope would help.</summary>
    public static Expected Forbidden(string reason) => new(403, 403, "deny", reason);

    /// <summary>Refused by the HTTP server or by routing: no body of ours, no record.</summary>
    public static Expected Http(int status) => new(status, null, null, "");

    /// <summary>The unknown method's answer, which is a 200 for older clients.</summary>
    public static Expected UnknownMethod(bool legacy) => new(legacy ? 200 : 404, -32601, "deny", "unknown_method");
}
