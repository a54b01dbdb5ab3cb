using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>Stands on the MCP endpoint; <see cref="Gateway"/> decides whether it is met.</summary>
internal sealed class GatewayRequirement : IAuthorizationRequirement;

/// <summary>
/// Decides on every request before the MCP SDK sees it. A request goes on when its token was validated, its message can be read
/// in one way only, its client may call, the operation is on the map, the token holds every scope that the operation declared,
/// and the decision has been recorded. Everything else, also a fault of the gateway's own, is a refusal.
/// </summary>
internal sealed class Gateway(Surface surface, AuthOptions auth, McpOptions mcp, IAudit audit, Exchange exchange, FailedAuthentications failures, OpenStreams streams, ILogger<Gateway> log)
    : AuthorizationHandler<GatewayRequirement>
{
    /// <summary>How long a decision may take, the exchange included. After that the answer is no.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, GatewayRequirement requirement)
    {
        var http = (HttpContext)context.Resource!;
        Refusal? refusal;
        try
        {
            refusal = await DecideAsync(http);
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            log.LogError(e, "The gateway could not decide and refused");
            refusal = Refusal.Unavailable;
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
        var caller = http.User.Identity?.IsAuthenticated == true ? http.Features.Get<Caller>() : null;
        var (message, fault) = caller is null ? (null, WithoutCaller(http)) : await RequestBody.ReadAsync(http, mcp.MaxRequestBytes, http.RequestAborted);
        var (operation, refusal) = message is null ? (null, fault) : Judge(http.Request, caller!, message);

        // Taken before it is recorded, so that the record says what came of it.
        if (refusal is null && operation?.Method == RequestMethods.SubscriptionsListen && !streams.TryOpen(caller!, http))
        {
            refusal = Refusal.TooManyStreams;
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        deadline.CancelAfter(Deadline);
        var record = AuditRecord.Of(http, surface.PolicyVersion, caller, operation, message, refusal);
        await audit.RecordAsync(record, deadline.Token);
        if (refusal is not null)
        {
            return message is null ? refusal : refusal with { Id = message.Id };
        }

        var decision = new Decision(caller!, operation!, message!) { TokenExpires = Expiry(http) };
        http.Features.Set(decision);
        return operation!.Downstream is null ? null : await ExchangeAsync(decision, record, http, deadline.Token);
    }

    /// <summary>Of the token that was validated; without one nothing stays open.</summary>
    private static DateTimeOffset Expiry(HttpContext http) =>
        long.TryParse(http.User.FindFirst("exp")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds(seconds) : DateTimeOffset.MinValue;

    private async Task<Refusal?> ExchangeAsync(Decision decision, AuditRecord record, HttpContext http, CancellationToken cancellationToken)
    {
        var needed = await exchange.ForAsync(decision, http, cancellationToken);
        if (needed is not null || decision.ExchangeFault is not null)
        {
            record = record with { Kind = "exchange", Decision = needed?.Decision ?? "error", Reason = needed?.Reason ?? "exchange_failed" };
            // Not under the exchange's deadline, which may be what ended it.
            await audit.RecordAsync(record, http.RequestAborted);
        }

        return needed is null ? null : needed with { Id = decision.Message.Id };
    }

    private Refusal WithoutCaller(HttpContext http) => http.Features.Get<TokenFault>() switch
    {
        null => Refusal.NoToken(auth.Prefixed(mcp.BaselineScopes, null)),
        { IssuerUnavailable: true } => Refusal.IssuerUnavailable,
        { Reason: var reason } => failures.Count(http.Connection.RemoteIpAddress) is { } wait
            ? Refusal.TooManyBadTokens(wait)
            : Refusal.BadToken(auth.Prefixed(mcp.BaselineScopes, null), reason),
    };

    /// <summary>
    /// The rule itself, deny cases first: a message that contradicts its headers, a client or application that may not call, something that does not
    /// exist, a scope that is missing. What is left goes on. It looks at nothing but its arguments.
    /// </summary>
    private (Operation? Operation, Refusal? Refusal) Judge(HttpRequest request, Caller caller, Envelope message)
    {
        var legacy = ProtocolHeaders.IsLegacy(request);
        var refusal =
            request.Query.ContainsKey("access_token") ? Refusal.TwoTokens
            : message.Method is null ? Refusal.NotJsonRpc("This server has asked nothing that this message could answer.")
            : ProtocolHeaders.Check(request, message, mcp.LegacyClients) is { } contradiction ? contradiction
            : !auth.Allows(caller.Client) ? Refusal.ClientNotAllowed
            : caller.IsApplication ? Refusal.AppOnly
            : null;
        if (refusal is not null)
        {
            return (null, refusal);
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
}
