using System.Collections.Concurrent;
using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>
/// Says to the operator, in the log, what is probably to be set right when requests are refused for it (docs/troubleshooting.md has all of it). A caller hears nothing of this. Of each
/// hint there is one line a minute at most, however many requests come, and nothing that came with a request is in it; but in Development, what came in place of what was expected.
/// </summary>
internal sealed class Hints(McpOptions mcp, AuthOptions auth, IHostEnvironment environment, TimeProvider time, ILogger<Hints> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    /// <summary>When each was last said. The keys are words of this code, so that it does not grow.</summary>
    private readonly ConcurrentDictionary<string, long> _said = new(StringComparer.Ordinal);

    /// <summary>After a refusal. What was wrong with a token is in the request's <see cref="TokenFault"/>.</summary>
    public void After(Refusal refusal, HttpContext context)
    {
        if (IsDue(refusal.Reason) && Text(refusal.Reason, context) is { } hint)
        {
            Say(refusal.Reason, hint);
        }
    }

    /// <summary>When the keys of an issuer could not be had.</summary>
    public void IssuerAway(IssuerOptions issuer, Exception why)
    {
        if (IsDue("issuer_unavailable"))
        {
            Say("issuer_unavailable", $"{Setting(issuer)}:Authority: the keys of {issuer.Authority} cannot be had: {IssuerFault.Of(why)} Nobody gets in with its tokens until they can.");
        }
    }

    /// <summary>When an issuer has said what time it is. A second more or less is the network's.</summary>
    public void IssuerTime(IssuerOptions issuer, DateTimeOffset there)
    {
        var ahead = there - time.GetUtcNow();
        if (ahead.Duration() > auth.ClockSkew + TimeSpan.FromSeconds(2) && IsDue("clock"))
        {
            Say("clock", $"By the clock of {issuer.Authority} it is {ahead.Duration().TotalSeconds:F0} seconds {(ahead > TimeSpan.Zero ? "later" : "earlier")} than here, which is more than Auth:ClockSkew ({auth.ClockSkew}). Let both machines keep time (NTP).");
        }
    }

    private string? Text(string reason, HttpContext context)
    {
        var fault = context.Features.Get<TokenFault>();
        var (authority, setting) = fault?.Issuer is { } issuer ? (issuer.Authority, Setting(issuer)) : ("an issuer", "Auth:Issuers:N");
        return reason switch
        {
            "host_not_allowed" => $"A request was for another host than {string.Join(", ", mcp.Hosts(environment))}.{Came(context.Request.Host.Value)} If clients use that name, add it to Mcp:AllowedHosts, or correct Mcp:Resource; a reverse proxy has to hand on Host as the client sent it.",
            // The middleware takes the header away when it believes it.
            "not_https" when context.Request.Headers.ContainsKey("X-Forwarded-Proto") =>
                $"{context.Connection.RemoteIpAddress?.MapToIPv4()} hands on requests with X-Forwarded-Proto and is not believed. If it is your reverse proxy, add it to Mcp:KnownProxies.",
            "not_https" => "A request came in the clear. Mcp:Resource is https: call the reverse proxy that ends TLS, which has to be in Mcp:KnownProxies and to send X-Forwarded-Proto: https.",
            "origin_not_allowed" => $"A web page of another origin called.{Came(context.Request.Headers.Origin)} If it is yours, add its origin to Mcp:AllowedOrigins.",
            "version_not_served" => $"A client speaks a version of the protocol that is not served. Update the client{(mcp.LegacyClients ? "" : ", or set Mcp:LegacyClients to true for those back to 2025-03-26")}.",
            "token_audience" => $"A token of {authority} is for another resource.{Came(fault?.Came)} Its client has to ask for {mcp.Resource} (RFC 8707); when the issuer calls this server otherwise, set {setting}:Audience.",
            "token_issuer" => $"A token was signed by {authority} and names another issuer.{Came(fault?.Came)} Set {setting}:Authority to exactly that name, with or without the slash at its end.",
            "token_type" => $"A token of {authority} is no access token of the form {fault?.Issuer?.Profile}. Send the access token and not the ID token; when the issuer has another form, set {setting}:Profile.",
            "token_key_unknown" => $"A token was signed with a key that {authority} does not publish. It is of another issuer ({setting}:Authority), or of this one before it got new keys: sign in again.",
            "token_not_yet_valid" or "token_issued_in_the_future" => $"A token of {authority} is from the future by the clock of this machine, by more than Auth:ClockSkew ({auth.ClockSkew}). Let this machine and the issuer keep time (NTP).",
            "token_lives_too_long" => $"A token of {authority} lives longer than {fault?.Issuer?.LifetimeLimit}. Shorten the life of access tokens there, or raise {setting}:MaxTokenLifetime.",
            _ => null,
        };
    }

    private string Setting(IssuerOptions issuer) => $"Auth:Issuers:{auth.Issuers.IndexOf(issuer)}";

    /// <summary>In Development only, cut and with every unusual character escaped.</summary>
    private string Came(string? value) =>
        environment.IsDevelopment() && value is not null ? $" It was {JsonSerializer.Serialize(value.Length > 200 ? value[..200] : value)}." : "";

    private bool IsDue(string hint) => !_said.TryGetValue(hint, out var last) || time.GetElapsedTime(last) >= Pause;

    private void Say(string hint, string text)
    {
        _said[hint] = time.GetTimestamp();
        log.LogWarning("{Hint}", text);
    }
}
