using System.Globalization;
using System.Net;
using System.Text.Json;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace McpFilesServer.Data;

/// <summary>What a caller hears when Graph says no, says something odd, or says nothing. Never a word of what it said.</summary>
internal static class GraphFaults
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>It did not answer, or not in time, or has failed so often that it is left alone for a while.</summary>
    private static ProblemException Unreachable(Exception e) => new("Microsoft Graph could not be reached. Try again in a minute.", e);

    /// <summary>The answer is not what was asked for, is too large, or leads elsewhere.</summary>
    public static ProblemException Unusable() => new("Microsoft Graph gave an answer that this server does not use. Try again in a minute; if it goes on, tell the operator.");

    /// <summary>Whether it was on the other side that something failed, or on the way there.</summary>
    public static bool IsTheirs(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException or TimeoutRejectedException or BrokenCircuitException or JsonException or NotSupportedException;

    /// <summary>What failed on the other side, or on the way. A file that was being sent may be what failed: then it is that.</summary>
    public static ProblemException From(Exception e) =>
        e.InnerException as ProblemException ?? (e is JsonException or NotSupportedException ? Unusable() : Unreachable(e));

    /// <summary>It refused or failed.</summary>
    public static ProblemException Of(HttpResponseMessage response, string what, TimeProvider time) => new(response.StatusCode switch
    {
        HttpStatusCode.BadRequest => "Microsoft Graph does not take this request. Check the arguments.",
        HttpStatusCode.Unauthorized => "Microsoft Graph did not accept this server's call on your behalf. Try again; if it goes on, tell the operator.",
        HttpStatusCode.Forbidden => "Microsoft Graph does not let you do this.",
        HttpStatusCode.NotFound => $"There is no {what}.",
        HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed => $"There is already a {what}.",
        HttpStatusCode.Locked => $"Somebody is using the {what}. Try again later.",
        HttpStatusCode.InsufficientStorage => "Your OneDrive is full.",
        HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable when WaitOf(response, time) is { } wait =>
            $"Microsoft Graph is busy. Try again in {Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture)} seconds.",
        _ => "Microsoft Graph could not do this. Try again in a minute.",
    });

    /// <summary>How long Graph asks to wait (RFC 9110 §10.2.3), between a second and ten minutes; null when it does not say.</summary>
    public static TimeSpan? WaitOf(HttpResponseMessage response, TimeProvider time) =>
        (response.Headers.RetryAfter?.Delta ?? response.Headers.RetryAfter?.Date - time.GetUtcNow()) is { } wait
            ? TimeSpan.FromTicks(Math.Clamp(wait.Ticks, TimeSpan.TicksPerSecond, LongestWait.Ticks))
            : null;
}
