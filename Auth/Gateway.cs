using Microsoft.AspNetCore.Authorization;

namespace McpFilesServer.Auth;

/// <summary>Stands on the MCP endpoint; <see cref="Gateway"/> decides whether it is met.</summary>
internal sealed class GatewayRequirement : IAuthorizationRequirement;

/// <summary>
/// Decides on every request before the MCP SDK sees it. A request goes on when its token was validated, its message can be read
/// in one way only, its client may call, the operation is on the map, the token holds every scope that the operation declared,
/// and the decision has been recorded. Everything else, also a fault of the gateway's own, is a refusal.
/// </summary>
internal sealed class Gateway(Surface surface, AuthOptions auth, McpOptions mcp, IAudit audit, Exchange exchange, FailedAuthentications failures, ILogger<Gateway> log)
    : AuthorizationHandler<GatewayRequirement>
{
    /// <summary>How long a decision may take, the exchange included. After that the answer is no.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, GatewayRequirement requirement)
    {
        var http = (HttpContext)context.Resource!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        deadline.CancelAfter(Deadline);
        Refusal? refusal;
        try
        {
            refusal = await DecideAsync(http, deadline.Token);
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

    private async Task<Refusal?> DecideAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var caller = http.Features.Get<Caller>();
        if (caller is null || http.User.Identity?.IsAuthenticated != true)
        {
            return await RecordAsync(http, null, null, null, WithoutCaller(http), cancellationToken);
        }

        if (http.Request.Query.ContainsKey("access_token"))
        {
            return await RecordAsync(http, caller, null, null, Refusal.TwoTokens, cancellationToken);
        }

        var (message, unreadable) = await RequestBody.ReadAsync(http, mcp.MaxRequestBytes, cancellationToken);
        if (message is null)
        {
            return await RecordAsync(http, caller, null, null, unreadable, cancellationToken);
        }

        http.Response.RegisterForDispose(message);
        var operation = Judge(http.Request, caller, message, out var refusal);
        await RecordAsync(http, caller, message, operation, refusal, cancellationToken);
        if (operation is null || refusal is not null)
        {
            return (refusal ?? Refusal.Unavailable) with { Id = message.Id };
        }

        var decision = new Decision(caller, operation, message);
        http.Features.Set(decision);
        refusal = operation.Downstream is null ? null : await exchange.ForAsync(decision, http, cancellationToken);
        return refusal is null ? null : await RecordAsync(http, caller, message, operation, refusal with { Id = message.Id }, cancellationToken, "exchange");
    }

    private Refusal WithoutCaller(HttpContext http) => http.Features.Get<TokenFault>() switch
    {
        null => Refusal.NoToken(Prefixed(null, mcp.BaselineScopes)),
        { IssuerUnavailable: true } => Refusal.IssuerUnavailable,
        { Reason: var reason } => failures.Count(http.Connection.RemoteIpAddress) is { } wait
            ? Refusal.TooManyBadTokens(wait)
            : Refusal.BadToken(Prefixed(null, mcp.BaselineScopes), reason),
    };

    /// <summary>The rule itself: deny cases first, and nothing after them but the scopes.</summary>
    private Operation? Judge(HttpRequest request, Caller caller, Envelope message, out Refusal? refusal)
    {
        refusal = message.Method is null ? Refusal.NotJsonRpc("This server has asked nothing that this message could answer.") : null;
        refusal ??= ProtocolHeaders.Check(request, message, mcp.LegacyClients);
        refusal ??= auth.AllowedClients.Count > 0 && !auth.AllowedClients.Contains(caller.Client) ? Refusal.ClientNotAllowed : null;
        refusal ??= caller.IsApplication ? Refusal.AppOnly : null;
        if (refusal is not null || surface.Find(message, ProtocolHeaders.IsLegacy(request), out refusal) is not { } operation)
        {
            return null;
        }

        var isNotification = operation.Method.StartsWith("notifications/", StringComparison.Ordinal);
        refusal = operation.Scopes.All(caller.Scopes.Contains) ? null
            : Refusal.ScopeMissing(operation, Prefixed(caller.Issuer, string.Join(' ', operation.Scopes)));
        refusal ??= message.IsNotification && !isNotification ? Refusal.NotCarriedOut : null;
        refusal ??= message.IsRequest && isNotification ? Refusal.UnknownMethod(ProtocolHeaders.IsLegacy(request)) : null;
        return operation;
    }

    /// <summary>Scopes as the caller's issuer wants to be asked for them; those of the first issuer while it is not known whose token it is.</summary>
    private string Prefixed(string? issuer, string scopes)
    {
        var prefix = (auth.Issuers.FirstOrDefault(options => issuer is not null && options.Issues(issuer)) ?? auth.Issuers[0]).ScopePrefix;
        return prefix.Length == 0 ? scopes : string.Join(' ', scopes.Split(' ').Select(scope => prefix + scope));
    }

    private async Task<Refusal?> RecordAsync(
        HttpContext http, Caller? caller, Envelope? message, Operation? operation, Refusal? refusal, CancellationToken cancellationToken, string kind = "decision")
    {
        await audit.RecordAsync(
            new AuditRecord
            {
                Kind = kind,
                Decision = refusal?.Decision ?? "allow",
                Reason = refusal?.Reason ?? "scopes_held",
                PolicyVersion = surface.PolicyVersion,
                TraceId = System.Diagnostics.Activity.Current?.TraceId.ToString() ?? http.TraceIdentifier,
                Address = http.Connection.RemoteIpAddress?.ToString(),
                Issuer = caller?.Issuer,
                Subject = caller?.Subject,
                Client = caller?.Client,
                TokenId = caller?.TokenId,
                // What was asked for is written down only when it is something that exists: the audit is no place for a stranger's text.
                Method = operation?.Method,
                Target = operation?.Target,
                ArgumentsDigest = operation is null ? null : message?.ArgumentsDigest,
                ScopesNeeded = operation is null ? null : string.Join(' ', operation.Scopes),
                ScopesHeld = caller is null ? null : string.Join(' ', caller.Scopes.Order(StringComparer.Ordinal)),
            },
            cancellationToken);
        return refusal;
    }
}
