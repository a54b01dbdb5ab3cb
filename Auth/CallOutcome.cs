using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Auth;

/// <summary>
/// What comes of a call that was let through, for a record that names the decision. Nobody waits for it: the decision is durable already, and that one without an
/// outcome stays in the audit says that the server ended before the call did.
/// </summary>
/// <param name="allowed">The record under which it was let through.</param>
/// <param name="number">The number of that record.</param>
internal sealed class CallOutcome(AuditRecord allowed, long number)
{
    private volatile Ending? _answered;

    /// <summary>Whether the answer has been given to the SDK to write. Nothing else comes after it.</summary>
    public bool IsAnswered => _answered is not null;

    /// <summary>The trace that the client says the call is part of.</summary>
    public string? ClientTraceId => allowed.ClientTraceId;

    /// <summary>The status with which the downstream API answered last.</summary>
    public int? DownstreamStatus { get; set; }

    /// <summary>What the call's token was exchanged for, as the records name it.</summary>
    public string? ExchangedTokenId { get; set; }

    /// <summary>A record about the same call, that follows its decision.</summary>
    public AuditRecord Following(string kind, string decision, string reason) => allowed with { Kind = kind, Decision = decision, Reason = reason, About = number };

    /// <summary>Serves the call, and says how it went, however it ends.</summary>
    public static async Task ServeAsync(RequestDelegate next, HttpContext http, IAudit audit, TimeProvider time)
    {
        var (outcome, began) = (http.Features.Get<CallOutcome>(), time.GetTimestamp());
        Exception? fault = null;
        try
        {
            await RunningCall.ServeAsync(next, http);
        }
        catch (Exception e)
        {
            fault = e;
            throw;
        }
        finally
        {
            if (outcome is not null)
            {
                audit.Follow(outcome.Record(http, fault, time.GetElapsedTime(began)));
            }
        }
    }

    /// <summary>The call was let through and then refused after all.</summary>
    public void Refused(IAudit audit, Refusal refusal) => audit.Follow(Ended("failed", refusal.Reason) with { Status = refusal.Status });

    /// <summary>Looks at what the SDK answers: an HTTP status does not tell, because nearly every answer is a 200.</summary>
    public static McpMessageHandler Filter(McpMessageHandler next) => (context, cancellationToken) =>
    {
        if (SecondLock.Expected is { } decision && Read(context.JsonRpcMessage) is { } answered)
        {
            decision.Outcome._answered = answered;
        }

        return next(context, cancellationToken);
    };

    private AuditRecord Record(HttpContext http, Exception? fault, TimeSpan took)
    {
        var aborted = fault is OperationCanceledException || http.RequestAborted.IsCancellationRequested;
        var (decision, reason) =
            aborted ? new Ending("aborted", "broken_off")
            : fault is not null ? new Ending("error", "exception")
            : _answered ?? (http.Response.StatusCode < StatusCodes.Status400BadRequest ? new Ending("ok", "answered") : new Ending("failed", "refused_by_protocol"));
        return Ended(decision, reason) with
        {
            DurationMs = (long)took.TotalMilliseconds,
            Bytes = http.Features.Get<RunningCall>()?.Written,
            Status = http.Response.HasStarted || !(aborted || fault is not null) ? http.Response.StatusCode : null,
            Detail = fault?.GetType().Name,
        };
    }

    /// <summary>Whose call it was, and what of, stands in the record that is named; who and from where is not written twice.</summary>
    private AuditRecord Ended(string decision, string reason) => new()
    {
        Kind = "outcome",
        Decision = decision,
        Reason = reason,
        PolicyVersion = allowed.PolicyVersion,
        TraceId = allowed.TraceId,
        About = number,
        Method = allowed.Method,
        Target = allowed.Target,
        Project = allowed.Project,
        TokenId = allowed.TokenId,
        ExchangedTokenId = ExchangedTokenId,
        DownstreamStatus = DownstreamStatus,
    };

    private static Ending? Read(JsonRpcMessage message) => message switch
    {
        JsonRpcError => new Ending("failed", "protocol_error"),
        JsonRpcResponse { Result: JsonObject result } =>
            result["isError"] is JsonValue error && error.TryGetValue<bool>(out var failed) && failed ? new Ending("failed", "tool_error")
            : result.ContainsKey("inputRequests") ? new Ending("ok", "asked")
            : new Ending("ok", "answered"),
        _ => null,
    };

    private sealed record Ending(string Decision, string Reason);
}
