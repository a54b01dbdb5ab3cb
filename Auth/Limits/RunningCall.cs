using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Features;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>
/// A request that was let in: the seats it takes and the bytes it is charged. It ends once, however it ends: with its answer, with a refusal, with an
/// exception, or because the client has gone.
/// </summary>
internal sealed class RunningCall(CallLimits limits, Identity person, TimeSpan timeout, params RateLimitLease[] seats) : IDisposable
{
    /// <summary>So many bytes are collected before the budget is asked, so that a long answer is counted while it runs and a short one only once.</summary>
    private const int Portion = 64 * 1024;

    /// <summary>How long a client may have to wait for the head of an answer. Those that wait no longer than that for one are common.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private int _uncharged;
    private int _ended;
    private long _written;

    /// <summary>How many bytes have been answered.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Serves a call that was decided on: counts its answer, and gives its seats back before the end of the answer is sent.</summary>
    public static async Task ServeAsync(RequestDelegate next, HttpContext http)
    {
        using var call = http.Features.GetRequiredFeature<RunningCall>();
        var body = http.Response.Body;
        http.Response.Body = call.Answer(http);
        try
        {
            await next(http);
        }
        finally
        {
            http.Response.Body = body;
        }
    }

    /// <summary>Reads the message. A body that does not come to its end in the time of a call is not waited for any longer.</summary>
    public async Task<(Envelope? Message, Refusal? Refusal)> ReadAsync(HttpContext http, int limit)
    {
        using var deadline = new CancellationTokenSource();
        http.Request.Body = Counted(http.Request.Body);
        var reading = RequestBody.ReadAsync(http, limit, deadline.Token);
        if (!reading.IsCompleted)
        {
            // Nearly always the body came with the head, and nothing is to be waited for.
            deadline.CancelAfter(timeout);
        }

        return await reading;
    }

    /// <summary>Takes what the call costs from the caller's shares. Also what is refused has a cost, or a loop of refusals would be free.</summary>
    /// <returns>The refusal when a share is used up.</returns>
    public Refusal? Take(Operation? operation)
    {
        if (operation?.Method == RequestMethods.SubscriptionsListen)
        {
            // Open for as long as the client likes, so it is counted among the streams and not among the calls.
            Array.ForEach(seats, seat => seat.Dispose());
        }

        return limits.Take(person, operation);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Charge();
            Array.ForEach(seats, seat => seat.Dispose());
        }
    }

    private AnswerBody Answer(HttpContext http)
    {
        var outcome = http.Features.Get<CallOutcome>();
        var ends = http.Features.Get<Decision>()?.Operation.Method != RequestMethods.SubscriptionsListen;
        return new AnswerBody(http.Response, Wrote, ends && timeout <= Patience, () => outcome?.IsAnswered == true);
    }

    private CountedStream Counted(Stream body) => new(body, read => Count(read, "in"), Wrote);

    private void Wrote(int bytes)
    {
        Interlocked.Add(ref _written, bytes);
        Count(bytes, "out");
    }

    private void Count(int bytes, string direction)
    {
        limits.Metrics.Passed(bytes, direction);
        // What is still written after the end is charged, too.
        if (Interlocked.Add(ref _uncharged, bytes) >= Portion || Volatile.Read(ref _ended) == 1)
        {
            Charge();
        }
    }

    private void Charge()
    {
        if (Interlocked.Exchange(ref _uncharged, 0) is > 0 and var bytes)
        {
            limits.Charge(person, bytes);
        }
    }
}
