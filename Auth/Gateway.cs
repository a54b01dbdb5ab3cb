using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>Stands on the MCP endpoint; <see cref="Gateway"/> decides whether it is met.</summary>
internal sealed class GatewayRequirement : IAuthorizationRequirement;

/// <summary>
/// Decides on every request before the MCP SDK sees it. A request goes on when its token was validated, its message can be read
/// in one way only, its client may call, the operation is on the map, the token holds every scope that the operation declared,
/// and the decision has been recorded. Everything else, also a fault of the gateway's own, is a refusal.
/// </summary>
internal sealed class Gateway(
    Surface surface, AuthOptions auth, McpOptions mcp, LimitsOptions options, CallLimits limits, OpenStreams streams, IQuestions questions, Sessions sessions,
    TokenStanding standing, FailedAuthentications failures, Exchange exchange, IAudit audit, Hints hints, ILogger<Gateway> log)
    : AuthorizationHandler<GatewayRequirement>
{
    /// <summary>How long a decision may take, the exchange included. After that the answer is no.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, GatewayRequirement requirement)
    {
        var http = (HttpContext)context.Resource!;
        using var span = GatewayTrace.Start();
        Refusal? refusal;
        try
        {
            refusal = await DecideAsync(http);
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            log.LogError(e, "The gateway could not decide and refused");
            refusal = Refusal.Unavailable;
            Show(http, null, null, refusal);
        }

        if (refusal is null)
        {
            context.Succeed(requirement);
            return;
        }

        http.Features.Set(refusal);
        context.Fail();
    }

    private async Task<Refusal?> DecideAsync(HttpContext http)
    {
        var (caller, message, refusal) = await ReadAsync(http);
        if (caller is not null && !HttpMethods.IsPost(http.Request.Method))
        {
            return await DecideOnSessionAsync(http, caller, refusal);
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        deadline.CancelAfter(Deadline);
        Operation? operation = null;
        Session? session = null;
        if (message is not null)
        {
            (operation, refusal) = Judge(http, caller!, message, out session);
        }

        // What is refused costs as much as what is allowed, or a loop of refusals would be free.
        refusal = http.Features.Get<RunningCall>()?.Take(operation) ?? refusal;
        if (refusal is null)
        {
            refusal = await RoomAsync(http, caller!, operation!, message!, session, deadline.Token);
        }

        var record = AuditRecord.Of(http, surface.PolicyVersion, caller, operation, message, refusal);
        var number = limits.IsRecorded(caller, refusal) ? await audit.RecordAsync(record, deadline.Token) : 0;
        Show(http, operation, message, refusal);
        if (refusal is not null)
        {
            return message is null ? refusal : refusal with { Id = message.Id };
        }

        var outcome = new CallOutcome(record, number);
        http.Features.Set(outcome);
        var decision = new Decision(caller!, operation!, message!) { Outcome = outcome, IsLegacy = ProtocolHeaders.IsLegacy(http.Request), Session = session, Aborted = http.RequestAborted };
        http.Features.Set(decision);
        http.Features.GetRequiredFeature<OpenRequest>().Serve(operation!);
        // A call that will only be asked about needs no token yet.
        var asksFirst = operation!.Asks is not null && !decision.IsLegacy && !message!.IsSecondRound;
        return operation.Downstream is null || asksFirst ? null : await exchange.ForAsync(decision, http, deadline.Token);
    }

    /// <summary>Who calls, and with what message: a caller whose token counts, who has room for one more call, and whose message can be read.</summary>
    private async Task<(Caller? Caller, Envelope? Message, Refusal? Refusal)> ReadAsync(HttpContext http)
    {
        if (http.User.Identity?.IsAuthenticated != true || http.Features.Get<Caller>() is not { } caller)
        {
            return (null, null, WithoutCaller(http));
        }

        if (limits.Enter(http, caller) is { } full)
        {
            return (caller, null, full);
        }

        if (!HttpMethods.IsPost(http.Request.Method))
        {
            return (caller, null, null);
        }

        var (message, refusal) = await http.Features.GetRequiredFeature<RunningCall>().ReadAsync(http, mcp.MaxRequestBytes);
        if (http.Features.GetRequiredFeature<OpenRequest>().IsFresh)
        {
            return (caller, message, refusal);
        }

        return await AgainAsync(http, caller) is { } again ? (again, message, refusal) : (null, null, WithoutCaller(http));
    }

    /// <summary>A body that is sent slowly must not carry a token past its end: when reading took long, the token is looked at again.</summary>
    private async Task<Caller?> AgainAsync(HttpContext http, Caller caller)
    {
        var stands = standing.HasExpired(caller)
            ? new Standing(null, new TokenFault("token_expired"))
            : await standing.CheckAsync(caller, http.Features.GetRequiredFeature<OpenRequest>().Token, http.RequestAborted);
        http.Features.Set(stands.Fault);
        return stands.Caller;
    }

    /// <summary>
    /// What is allowed and holds something open for the caller, a stream or a question, takes a place of his. Before it is recorded, so that the record says
    /// what came of it.
    /// </summary>
    private async Task<Refusal?> RoomAsync(HttpContext http, Caller caller, Operation operation, Envelope message, Session? session, CancellationToken cancellationToken) =>
        operation.Method == RequestMethods.SubscriptionsListen && !streams.TryOpen(caller, http) ? Refusal.TooManyStreams
        : operation.Asks is not null ? await JudgeAskingAsync(http.Request, caller, message, session, cancellationToken)
        : null;

    /// <summary>What is not a POST is about a session: ending one's own. There is no stream to open, because nothing is ever sent that answers no request.</summary>
    private async Task<Refusal?> DecideOnSessionAsync(HttpContext http, Caller caller, Refusal? refusal)
    {
        refusal ??=
            http.Features.GetRequiredFeature<RunningCall>().Take(Surface.EndOfSession) is { } spent ? spent
            : http.Request.Query.ContainsKey("access_token") ? Refusal.TwoTokens
            : !HttpMethods.IsDelete(http.Request.Method) || !ProtocolHeaders.IsLegacy(http.Request) ? Refusal.NoStream
            : !auth.Allows(caller.Client) ? Refusal.ClientNotAllowed
            : caller.IsApplication ? Refusal.AppOnly
            : sessions.Judge(http, caller, null, out _);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        deadline.CancelAfter(Deadline);
        var record = AuditRecord.Of(http, surface.PolicyVersion, caller, Surface.EndOfSession, null, refusal);
        var number = limits.IsRecorded(caller, refusal) ? await audit.RecordAsync(record, deadline.Token) : 0;
        Show(http, Surface.EndOfSession, null, refusal);
        if (refusal is null)
        {
            http.Features.Set(new CallOutcome(record, number));
        }

        return refusal;
    }

    private void Show(HttpContext http, Operation? operation, Envelope? message, Refusal? refusal)
    {
        limits.Metrics.Decided(refusal);
        if (refusal is not null)
        {
            hints.After(refusal, http);
        }

        GatewayTrace.Decided(http, operation, message, refusal);
    }

    private Refusal WithoutCaller(HttpContext http) => http.Features.Get<TokenFault>() switch
    {
        null => Refusal.NoToken(auth.Prefixed(mcp.BaselineScopes, null)),
        { Unavailable: true, Reason: var reason } => Refusal.TokenUnchecked(reason),
        { Reason: var reason } => failures.Count(http.Connection.RemoteIpAddress) is { } wait
            ? Refusal.TooManyBadTokens(wait)
            : Refusal.BadToken(auth.Prefixed(mcp.BaselineScopes, null), reason),
    };

    /// <summary>
    /// The rule itself, deny cases first: a message that contradicts its headers, a client or application that may not call, something that does not
    /// exist, a scope that is missing. What is left goes on. Beside its arguments it looks at the list of sessions, and at nothing else.
    /// </summary>
    private (Operation? Operation, Refusal? Refusal) Judge(HttpContext http, Caller caller, Envelope message, out Session? session)
    {
        session = null;
        var request = http.Request;
        var legacy = ProtocolHeaders.IsLegacy(request);
        var refusal =
            request.Query.ContainsKey("access_token") ? Refusal.TwoTokens
            : message.Method is null && !(legacy && sessions.AreServed) ? Refusal.NothingAsked
            : ProtocolHeaders.Check(request, message, mcp.LegacyClients) is { } contradiction ? contradiction
            : !auth.Allows(caller.Client) ? Refusal.ClientNotAllowed
            : caller.IsApplication ? Refusal.AppOnly
            : sessions.Judge(http, caller, message.Method, out session);
        if (refusal is not null)
        {
            return (null, refusal);
        }

        if (message.Method is null)
        {
            return JudgeAnswer(caller, message, session!);
        }

        if (surface.Find(message, legacy, out refusal) is not { } operation)
        {
            // A notification has nobody to answer to (JSON-RPC 2.0 §4.1), also when it is of nothing.
            return (null, message.IsNotification ? Refusal.NotCarriedOut : refusal ?? Refusal.Unavailable);
        }

        var notifies = operation.Method.StartsWith("notifications/", StringComparison.Ordinal);
        refusal =
            !operation.Scopes.All(caller.Scopes.Contains) ? Refusal.ScopeMissing(operation, auth.Prefixed(string.Join(' ', operation.Scopes), caller.Issuer))
            : message.IsNotification && !notifies ? Refusal.NotCarriedOut
            : message.IsRequest && notifies ? Refusal.UnknownMethod(legacy)
            : null;
        return (operation, refusal);
    }

    /// <summary>
    /// The answer to a question that was asked in a session. It lets go on what the question was about, so that it takes the same scopes; and it counts
    /// once.
    /// </summary>
    private (Operation? Operation, Refusal? Refusal) JudgeAnswer(Caller caller, Envelope message, Session session)
    {
        if (session.Asked(message.Id) is not { } asked)
        {
            return (null, Refusal.NothingAsked);
        }

        var answer = asked with { Method = RequestMethods.ElicitationCreate, Downstream = null };
        return !answer.Scopes.All(caller.Scopes.Contains) ? (answer, Refusal.ScopeMissing(answer, auth.Prefixed(string.Join(' ', answer.Scopes), caller.Issuer)))
            : session.End(message.Id.GetString()!) ? (answer, null) : (answer, Refusal.NothingAsked);
    }

    /// <summary>What can be known before a question is built: that the client cannot put it to anybody, or that the person has enough of them.</summary>
    private async Task<Refusal?> JudgeAskingAsync(HttpRequest request, Caller caller, Envelope message, Session? session, CancellationToken cancellationToken)
    {
        var legacy = ProtocolHeaders.IsLegacy(request);
        return !legacy && !message.DeclaresForms ? Refusal.CannotBeAsked
            : message.Method is null || (legacy ? session is null : message.IsSecondRound) ? null
            : await questions.WaitAsync(caller.Issuer, caller.Subject, options.OpenQuestions, cancellationToken) is { } wait ? Refusal.TooManyQuestions(wait)
            : null;
    }
}
