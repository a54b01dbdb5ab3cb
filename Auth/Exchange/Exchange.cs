using Microsoft.AspNetCore.Http.Features;

namespace McpFilesServer.Auth;

/// <summary>
/// Exchanges the caller's token for one of a downstream API, with just the scopes that the operation declared. One exchange for each call, nothing kept.
/// There is no other identity to fall back to: without a caller's token there is no token. What came of it is on record.
/// </summary>
internal sealed class Exchange
{
    /// <summary>The section that says who this server is at the issuer, and the scheme of Microsoft.Identity.Web that holds it. It validates nothing.</summary>
    public const string Scheme = "Obo";

    /// <summary>The operator has something to do: the issuer does not know this server or what it asks for, or gave something else.</summary>
    public static readonly EventId Alert = new(7001, "ExchangeAlert");

    private const string NotSetUp = "This server is not set up to call the service that this tool needs. Tell its operator.";

    private const string NotAccepted = "What came back for the service that this tool needs is not what was asked for, and was not used. Tell the operator of this server.";

    private const string TryAgain = "The downstream service could not be reached on your behalf. Try again in a minute.";

    private readonly AuthOptions _auth;
    private readonly McpOptions _mcp;
    private readonly ExchangePlaces _places;
    private readonly ExchangedTokenRules _rules;
    private readonly IAudit _audit;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<Exchange> _log;
    private readonly ITokenExchange? _way;
    private readonly DownstreamTargets _targets;

    public Exchange(
        DownstreamTargets targets, AuthOptions auth, McpOptions mcp, ExchangePlaces places, ExchangedTokenRules rules, IAudit audit,
        GatewayMetrics metrics, TimeProvider time, IEnumerable<ITokenExchange> ways, ILogger<Exchange> log)
    {
        (_targets, _auth, _mcp, _places, _rules, _audit, _metrics, _time, _log, _way) = (targets, auth, mcp, places, rules, audit, metrics, time, log, ways.SingleOrDefault());
    }

    /// <summary>Whether there is an issuer to exchange at. Without one, tools that declare a downstream API say so; nothing else happens in their place.</summary>
    public static bool IsConfiguredIn(IConfiguration configuration) => !string.IsNullOrEmpty(configuration[$"{Scheme}:ClientId"]);

    /// <summary>Puts the downstream token into the decision; or the fault that the tool's answer will be.</summary>
    /// <returns>A refusal when the client can do something about it: bring claims, or a new token.</returns>
    public async Task<Refusal?> ForAsync(Decision decision, HttpContext http, CancellationToken cancellationToken)
    {
        var (began, failure) = (_time.GetTimestamp(), (ExchangeException?)null);
        try
        {
            decision.DownstreamToken = await TokenAsync(decision, http, cancellationToken);
        }
        catch (ExchangeException e) when (!http.RequestAborted.IsCancellationRequested)
        {
            failure = e;
        }

        var refusal = failure is null ? null : Explain(decision, failure);
        var took = _time.GetElapsedTime(began);
        _metrics.Exchanged(took, failure?.Reason);
        decision.Outcome.ExchangedTokenId = decision.DownstreamTokenId;
        var record = decision.Outcome.Following("exchange", failure is null ? "allow" : refusal?.Decision ?? "error", failure?.Reason ?? "exchanged") with
        {
            DurationMs = (long)took.TotalMilliseconds,
            ExchangedTokenId = decision.Outcome.ExchangedTokenId,
            Detail = failure?.Detail,
        };
        // Not under the exchange's deadline, which may be what ended it.
        await _audit.RecordAsync(record, http.RequestAborted);
        return refusal is null ? null : refusal with { Id = decision.Message.Id };
    }

    private async Task<string> TokenAsync(Decision decision, HttpContext http, CancellationToken cancellationToken)
    {
        var (way, target) = (_way ?? throw new ExchangeException(ExchangeFailure.Misconfigured, "obo_not_configured"), _targets.Of(decision.Operation));
        using var place = await _places.EnterAsync(decision.Caller, cancellationToken);
        ExchangedToken token;
        try
        {
            token = await way.ExchangeAsync(http.Features.GetRequiredFeature<OpenRequest>().Token, target, cancellationToken);
        }
        catch (Exception e) when (e is not ExchangeException && !http.RequestAborted.IsCancellationRequested)
        {
            // Whatever an issuer does, also nothing until the deadline, and whatever a library makes of it.
            throw IssuerClient.IsNetwork(e)
                ? new ExchangeException(ExchangeFailure.Unavailable, "obo_unavailable", e.GetType().Name)
                : new ExchangeException(ExchangeFailure.Misconfigured, "obo_misconfigured", e.GetType().Name);
        }

        return _rules.Fault(token, target) is { } fault ? throw new ExchangeException(ExchangeFailure.NotAccepted, fault) : token.Value;
    }

    /// <summary>The refusal when it is the client's turn; else the sentence that the tool's answer will be, and a word to the operator.</summary>
    private Refusal? Explain(Decision decision, ExchangeException e)
    {
        var baseline = _auth.Prefixed(_mcp.BaselineScopes, decision.Caller.Issuer);
        var refusal = e.Failure switch
        {
            ExchangeFailure.ClaimsNeeded => Refusal.ClaimsNeeded(baseline, e.Claims, e.Reason),
            ExchangeFailure.CallerRefused => Refusal.BadToken(baseline, e.Reason),
            _ => null,
        };
        decision.ExchangeFault = (refusal, e.Failure) switch
        {
            (not null, _) => null,
            (_, ExchangeFailure.Unavailable) => TryAgain,
            (_, ExchangeFailure.NotAccepted) => NotAccepted,
            _ => NotSetUp,
        };
        if (e.Failure is ExchangeFailure.Misconfigured or ExchangeFailure.NotAccepted)
        {
            _log.LogError(Alert, "The exchange for {Operation} failed, and will until somebody looks at it: {Reason} {Error}", decision.Operation.Target, e.Reason, e.Detail);
        }
        else
        {
            _log.LogWarning("The exchange for {Operation} gave no token: {Reason} {Error}", decision.Operation.Target, e.Reason, e.Detail);
        }

        return refusal;
    }
}
