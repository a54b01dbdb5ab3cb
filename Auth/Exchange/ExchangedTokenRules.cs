using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>
/// What an exchanged token must be, whoever gave it: a Bearer token that soon ends, with no more scopes than asked for. It is the API's to read and not
/// ours; but where the settings say what the API is called and the token can be read, it must say the same.
/// </summary>
internal sealed class ExchangedTokenRules(ExchangeOptions options, AuthOptions auth, TimeProvider time)
{
    /// <summary>What Entra adds of its own and no API grants anything for.</summary>
    private static readonly string[] OfTheSignIn = ["openid", "profile", "email"];

    /// <returns>Null; or why it is refused, for the audit.</returns>
    public string? Fault(ExchangedToken token, DownstreamTarget target)
    {
        // A second for the way here: what is said to be left of a life is counted from when the answer arrived.
        var latest = time.GetUtcNow() + options.MaxTokenLifetime + TimeSpan.FromSeconds(1);
        return token switch
        {
            { Value: not { Length: > 0 } } => "obo_token_missing",
            _ when !token.Type.Equals("Bearer", StringComparison.OrdinalIgnoreCase) => "obo_token_type",
            _ when token.ExpiresAt > latest => "obo_lives_too_long",
            _ when Widened(token.Scopes, target) => "obo_scope_widened",
            _ => ClaimsFault(token.Value, target, latest),
        };
    }

    private bool Widened(IEnumerable<string> scopes, DownstreamTarget target) => options.AcceptedScopes == AcceptedScopes.Listed
        ? scopes.Except(OfTheSignIn, StringComparer.Ordinal).Any(scope => !IsAmong(scope, target.Listed))
        : scopes.Any(scope => !IsAmong(scope, target.Scopes));

    /// <summary>By its full name, or by the last part of it, as issuers write it into tokens.</summary>
    private static bool IsAmong(string scope, IEnumerable<string> names) =>
        names.Any(name => name == scope || (!scope.Contains('/', StringComparison.Ordinal) && name.EndsWith($"/{scope}", StringComparison.Ordinal)));

    private string? ClaimsFault(string token, DownstreamTarget target, DateTimeOffset latest)
    {
        if (target.Audience is null || token.Split('.') is not { Length: 3 } parts)
        {
            return null;
        }

        try
        {
            using var payload = StrictToken.Part(parts[1]);
            var claims = new TokenClaims(payload.RootElement);
            return !claims.Names("aud", target.Audience) ? "obo_audience"
                : claims.Time("exp") is { } exp && exp > latest + auth.ClockSkew ? "obo_lives_too_long"
                : ((string[])["scope", "scp"]).Any(name => Widened((claims.Scope(name) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries), target)) ? "obo_scope_widened"
                : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return "obo_audience";
        }
    }
}
