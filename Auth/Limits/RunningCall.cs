using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Features;

namespace McpFilesServer.Auth;

/// <summary>
/// A request that was let in: the seats it takes, the time it has, and the bytes it is charged. It ends once, however it ends: with its answer, with a
/// refusal, with an exception, or because the client has gone.
/// </summary>
internal sealed class RunningCall : IDisposable
{
    /// <summary>So many bytes are collected before the budget is asked, so that a long answer is counted while it runs and a short one only once.</summary>
    private const int Portion = 64 * 1024;

    private readonly CallLimits _limits;
    private readonly Person _person;
    private readonly RateLimitLease[] _seats;
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationToken _aborted;
    private int _uncharged;
    private int _ended;

    public RunningCall(CallLimits limits, Person person, TimeSpan timeout, CancellationToken aborted, params RateLimitLease[] seats)
    {
        (_limits, _person, _seats, _aborted) = (limits, person, seats, aborted);
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Deadline = _deadline.Token;
        _deadline.CancelAfter(timeout);
    }

    /// <summary>Ends when the time is up or the client has gone.</summary>
    public CancellationToken Deadline { get; }

    /// <summary>Whether the time is up, and the client still there to hear of it.</summary>
    public bool IsOutOfTime => Deadline.IsCancellationRequested && !_aborted.IsCancellationRequested;

    /// <summary>The call that is being served.</summary>
    /// <exception cref="InvalidOperationException">The gateway has let nothing in here.</exception>
    public static RunningCall Current(IServiceProvider services) =>
        services.GetRequiredService<IHttpContextAccessor>().HttpContext?.Features.Get<RunningCall>()
        ?? throw new InvalidOperationException("Nothing has been let in here.");

    /// <summary>Serves a call that was decided on: counts its answer, and gives its seats back before the end of the answer is sent.</summary>
    public static async Task ServeAsync(RequestDelegate next, HttpContext http)
    {
        using var call = http.Features.GetRequiredFeature<RunningCall>();
        var body = http.Response.Body;
        http.Response.Body = call.Counted(body);
        try
        {
            await next(http);
        }
        finally
        {
            http.Response.Body = body;
        }
    }

    public Stream Counted(Stream body) => new CountedStream(body, read => Count(read, "in"), written => Count(written, "out"));

    /// <summary>Takes what the call costs from the caller's shares. Also what is refused has a cost, or a loop of refusals would be free.</summary>
    /// <returns>The refusal when a share is used up.</returns>
    public Refusal? Take(Operation? operation) => _limits.Take(_person, operation);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Charge();
            Array.ForEach(_seats, seat => seat.Dispose());
            _deadline.Dispose();
        }
    }

    private void Count(int bytes, string direction)
    {
        _limits.Metrics.Passed(bytes, direction);
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
            _limits.Charge(_person, bytes);
        }
    }
}
