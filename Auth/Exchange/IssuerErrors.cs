using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>
/// What an issuer's refusal means (RFC 6749 §5.2), for both grants: for the person, the client, or the operator. Only its codes are looked at; its
/// descriptions are somebody else's text and go nowhere.
/// </summary>
internal static class IssuerErrors
{
    /// <summary>The most that an issuer may ask the client to bring, in characters.</summary>
    private const int MaxClaims = 8192;

    /// <summary>Errors, and Entra's <c>suberror</c>s, that a sign-in of the person can end.</summary>
    private static readonly string[] ForThePerson =
        ["interaction_required", "login_required", "consent_required", "account_selection_required", "insufficient_user_authentication", "basic_action", "additional_action", "user_password_expired"];

    /// <summary>Entra: no consent (65001); more authentication (50076, 50079, 50158).</summary>
    private static readonly int[] CodesForThePerson = [65001, 50076, 50079, 50158];

    /// <summary>Entra says <c>invalid_grant</c> for these, too, and no new token would be of any use: the assertion was made for another application.</summary>
    private static readonly int[] CodesForTheOperator = [500131, 50027];

    private static readonly string[] ForLater = ["temporarily_unavailable", "server_error", "slow_down"];

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The body, whatever it is.</param>
    /// <param name="tokenErrors">The errors that are about the caller's token, with this grant.</param>
    public static ExchangeException Read(int status, string? body, params string[] tokenErrors)
    {
        if (status is 429 or >= 500)
        {
            return new ExchangeException(ExchangeFailure.Unavailable, "obo_unavailable", $"status_{status}");
        }

        try
        {
            using var json = JsonDocument.Parse(body ?? "", Strict);
            return json.RootElement.ValueKind == JsonValueKind.Object ? Read(json.RootElement, tokenErrors) : Unreadable(status);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Unreadable(status);
        }
    }

    /// <summary>An answer that is not one of a token endpoint.</summary>
    public static ExchangeException Unreadable(int status) => new(ExchangeFailure.Unavailable, "obo_answer_unreadable", $"status_{status}");

    private static ExchangeException Read(JsonElement answer, string[] tokenErrors)
    {
        var said = new TokenClaims(answer);
        var (error, suberror, codes) = (said.Text("error") ?? "", said.Text("suberror"), Codes(answer));
        var claims = answer.TryGetProperty("claims", out var asked) && asked.ValueKind == JsonValueKind.String ? asked.GetString() : null;
        var detail = Word(error) + (codes.Length > 0 ? $" AADSTS{codes[0]}" : "");
        return (error, claims) switch
        {
            ("", _) => Unreadable(400),
            (_, { Length: > MaxClaims }) => new ExchangeException(ExchangeFailure.NotAccepted, "obo_claims_too_large", detail),
            (_, { Length: > 0 }) => new ExchangeException(ExchangeFailure.ClaimsNeeded, "claims_needed", detail, claims),
            _ when ForThePerson.Contains(error) || ForThePerson.Contains(suberror) || codes.Any(CodesForThePerson.Contains) =>
                new ExchangeException(ExchangeFailure.ClaimsNeeded, IsConsent(error, suberror, codes) ? "consent_needed" : "claims_needed", detail),
            _ when tokenErrors.Contains(error) && !codes.Any(CodesForTheOperator.Contains) => new ExchangeException(ExchangeFailure.CallerRefused, "token_refused_by_issuer", detail),
            _ when ForLater.Contains(error) => new ExchangeException(ExchangeFailure.Unavailable, "obo_unavailable", detail),
            _ => new ExchangeException(ExchangeFailure.Misconfigured, "obo_misconfigured", detail),
        };
    }

    private static bool IsConsent(string error, string? suberror, int[] codes) => error == "consent_required" || suberror == "consent_required" || codes.Contains(65001);

    /// <summary>Entra's numbers, the first of which is that of the error.</summary>
    private static int[] Codes(JsonElement answer) =>
        answer.TryGetProperty("error_codes", out var codes) && codes.ValueKind == JsonValueKind.Array
            ? [.. codes.EnumerateArray().Take(10).Where(code => code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out _)).Select(code => code.GetInt32())] : [];

    /// <summary>A code as it may stand in a log, whoever sent it.</summary>
    private static string Word(string code) => code.Length <= 64 && code.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? code : "an_error_of_another_form";
}
