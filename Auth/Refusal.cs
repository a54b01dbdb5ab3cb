using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>
/// An answer of the gateway other than "go on": HTTP status, JSON-RPC error, challenge. All of them stand here, so that this page
/// is the table of answers. The text is one plain sentence that gives nothing away and says what to do.
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The JSON-RPC error code.</param>
/// <param name="Message">What the caller is told.</param>
/// <param name="Reason">What the operator is told, in the audit: a stable snake_case word.</param>
internal sealed record Refusal(int Status, int Code, string Message, string Reason)
{
    /// <summary>The <c>WWW-Authenticate</c> challenge, when the client can do something about it.</summary>
    public Challenge? Challenge { get; init; }

    /// <summary>The id of the request, as far as it could be read; null in the answer otherwise.</summary>
    public JsonElement Id { get; init; }

    /// <summary>The <c>data</c> member of the error.</summary>
    public object? Data { get; init; }

    /// <summary>Seconds after which trying again makes sense.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>Whether the connection ends with the answer.</summary>
    public bool Closes { get; init; }

    /// <summary>The word for the audit's <c>decision</c> column.</summary>
    public string Decision => (Status, Challenge) switch
    {
        (503 or 500, _) => "error",
        (_, { Error: "insufficient_scope" or "insufficient_claims" }) => "challenge",
        _ => "deny",
    };

    // Who are you?
    public static Refusal NoToken(string baseline) =>
        new(401, 401, "An access token is needed. Sign in at the authorization server that the resource metadata names.", "no_token")
        { Challenge = new Challenge(null, baseline) };

    public static Refusal BadToken(string baseline, string reason) =>
        new(401, 401, "The access token is not valid here, or not any more. Get a new one and try again.", reason)
        { Challenge = new Challenge("invalid_token", baseline) };

    /// <param name="baseline">The baseline scopes.</param>
    /// <param name="claims">What the client has to bring; null when a sign-in, or a consent in it, is all.</param>
    /// <param name="reason">For the audit.</param>
    public static Refusal ClaimsNeeded(string baseline, string? claims, string reason) =>
        new(401, 401, claims is null
            ? "The issuer wants to ask you before it lets this go on. Sign in again, and agree to what it asks; if it does not ask, an administrator has to agree."
            : "The issuer asks for more before it lets this go on. Sign in again with the claims of the challenge.", reason)
        { Challenge = new Challenge("insufficient_claims", baseline, claims) };

    public static Refusal TooManyBadTokens(int retryAfter) =>
        new(429, 429, "Too many access tokens from this address were not valid. Wait, and use a new one.", "too_many_bad_tokens") { RetryAfter = retryAfter };

    // What may you do?
    public static Refusal ScopeMissing(Operation operation, string scopes) =>
        new(403, 403, $"This needs the scope '{string.Join(' ', operation.Scopes)}', which the access token does not hold. Ask for it and try again.", "scope_missing")
        { Challenge = new Challenge("insufficient_scope", scopes) };

    public static readonly Refusal ClientNotAllowed = new(403, 403, "This client is not allowed to use this server.", "client_not_allowed");

    public static readonly Refusal AppOnly = new(403, 403, "This server acts for people; a token of an application alone is not accepted.", "app_only_token");

    public static readonly Refusal OriginNotAllowed = new(403, 403, "Requests from this origin are not allowed.", "origin_not_allowed");

    // How much may you? Nothing in these answers depends on what others do.
    public static Refusal TooManyCalls(int retryAfter, string reason) =>
        new(429, 429, $"Too many calls in a short time. Try again in {Seconds(retryAfter)}.", reason) { RetryAfter = retryAfter };

    public static Refusal TooManyAtOnce(string reason) =>
        new(429, 429, "Too many calls are running at once. Wait until some have ended, and try again in 1 second.", reason) { RetryAfter = 1 };

    public static Refusal TooManyBytes(int retryAfter) =>
        new(429, 429, $"Too much was read and written in a short time. Try again in {Seconds(retryAfter)}.", "quota_bytes") { RetryAfter = retryAfter };

    // What did you say?
    public static readonly Refusal HostNotAllowed = new(400, -32600, "This host name is not served here.", "host_not_allowed");

    public static readonly Refusal NotHttps = new(403, 403, "This server is used over https only.", "not_https");

    public static readonly Refusal TwoTokens = new(400, -32600, "An access token belongs in the Authorization header and nowhere else.", "two_tokens");

    public static readonly Refusal NotJson = new(400, -32700, "The body is not valid JSON: UTF-8, no duplicate members, no comments, at most 32 levels deep.", "malformed_json");

    public static readonly Refusal WrongMediaType = new(415, -32600, "The body must be application/json in UTF-8, without content encoding.", "unsupported_media_type");

    public static readonly Refusal NotAcceptable = new(406, -32600, "The client must accept both application/json and text/event-stream.", "not_acceptable");

    public static readonly Refusal TooLarge = new(413, -32600, "The request is too large.", "request_too_large");

    /// <summary>Where the body ends is not certain, so neither is where the next request begins (RFC 9112 §6.3): the connection ends with this answer.</summary>
    public static readonly Refusal BadFraming = new(400, -32600, "The body could not be read.", "bad_framing") { Closes = true };

    public static Refusal NotJsonRpc(string message) => new(400, -32600, message, "malformed_message");

    public static Refusal HeaderMismatch(string message) => new(400, -32020, message, "header_mismatch");

    public static Refusal InvalidParams(string message) => new(400, -32602, message, "invalid_params");

    public static Refusal VersionNotServed(IReadOnlyList<string> supported, string requested) =>
        new(400, -32022, $"This protocol version is not served; these are: {string.Join(", ", supported)}. Update the client.", "version_not_served") { Data = new { supported, requested } };

    public static Refusal UnknownMethod(bool legacy) => new(legacy ? 200 : 404, -32601, "This method is not served.", "unknown_method");

    /// <summary>The same for a name that does not exist, one that exists in other spelling, and one that the caller may not know of.</summary>
    public static Refusal UnknownTarget(string method) => new(200, -32602, method switch
    {
        "tools/call" => "There is no tool of this name.",
        "prompts/get" => "There is no prompt of this name.",
        "completion/complete" => "There is nothing of this name to complete.",
        _ => "There is no such resource.",
    }, "unknown_target");

    /// <summary>A call that was sent as a notification, without an id: accepted by HTTP, carried out by nobody (JSON-RPC 2.0 §4.1).</summary>
    public static readonly Refusal NotCarriedOut = new(202, 0, "", "notification_not_carried_out");

    // Not so much.
    public static readonly Refusal TooManyStreams =
        new(429, 429, "You have too many open subscriptions. Close one, or subscribe to more resources in one of them.", "too_many_streams") { RetryAfter = 10 };

    // Who is asked?
    public static readonly Refusal NothingAsked = NotJsonRpc("This server has asked nothing that this message could answer.");

    public static readonly Refusal CannotBeAsked =
        new(400, -32021, "This asks the user before it does anything, and the client has not declared that it can (elicitation). Use a client that can.", "elicitation_not_declared")
        { Data = new { requiredCapabilities = new { elicitation = new { form = new { } } } } };

    public static Refusal TooManyQuestions(int retryAfter) =>
        new(429, 429, "Too many questions wait for this user's answer. Answer them, or let them pass, and try again.", "too_many_open_questions") { RetryAfter = retryAfter };

    // Which session?
    public static readonly Refusal SessionMissing =
        new(400, -32600, "This protocol version is served in sessions here: begin with initialize, and send the Mcp-Session-Id of its answer.", "session_missing");

    /// <summary>What a client does about 404 is begin anew (MCP 2025-11-25, Streamable HTTP, "Session Management").</summary>
    public static readonly Refusal SessionUnknown = new(404, -32001, "There is no such session, or it has ended. Begin a new one with initialize.", "session_unknown");

    public static readonly Refusal SessionOfAnother = new(403, 403, "This session was begun by somebody else, or through another client.", "session_of_another");

    public static readonly Refusal TooManySessions = new(429, 429, "Too many sessions are open. End one, or wait until one has been idle for ten minutes.", "too_many_sessions") { RetryAfter = 60 };

    public static readonly Refusal NoStream = new(405, -32600, "Messages are sent with POST; a session is ended with DELETE.", "method_not_allowed");

    // It is us.
    public static Refusal TokenUnchecked(string reason) =>
        new(503, 503, "Access tokens cannot be checked at the moment. Try again in a few seconds.", reason) { RetryAfter = 5 };

    public static readonly Refusal Unavailable =
        new(503, 503, "The server cannot decide on requests at the moment. Try again in a few seconds.", "unavailable") { RetryAfter = 5 };

    private static string Seconds(int count) => count == 1 ? "1 second" : $"{count} seconds";
}

/// <summary>What a client can do about a refusal (RFC 6750 §3, RFC 9728 §5.1).</summary>
/// <param name="Error">The error code; null when the request carried no token (RFC 6750 §3.1).</param>
/// <param name="Scope">Scopes to ask for, with the issuer's prefix.</param>
/// <param name="Claims">What the issuer asks for beside scopes, as it said it.</param>
internal sealed record Challenge(string? Error, string Scope, string? Claims = null)
{
    /// <summary>The value of the <c>WWW-Authenticate</c> header. Nothing in it comes from the request.</summary>
    public string Header(Uri metadata)
    {
        var error = Error is null ? "" : $"error=\"{Error}\", ";
        // Base64, so that whatever an issuer says stays inside its quotes.
        var claims = Claims is null ? "" : $", claims=\"{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Claims))}\"";
        return $"Bearer {error}scope=\"{Scope}\", resource_metadata=\"{metadata.OriginalString}\"{claims}";
    }
}
