using System.Diagnostics.CodeAnalysis;
using System.Threading.RateLimiting;

namespace McpFilesServer.Auth;

/// <summary>
/// Whose share it is: the person, as the validated token says it. Not the client, because anybody can register another one, nor the token, the session,
/// the connection, the address or a header: all of those can be had anew, the person cannot.
/// </summary>
internal readonly record struct Identity(string Issuer, string Subject);

/// <summary>
/// Fair shares. Nobody waits here: what is over a limit is refused at once, so that one person at his limit takes no place that another needs.
/// The framework drops the counters of a person ten seconds after they are full again.
/// </summary>
internal sealed class CallLimits : IDisposable
{
    private readonly LimitsOptions _limits;
    private readonly ConcurrencyLimiter _seats;
    private readonly PartitionedRateLimiter<Identity> _ownSeats;
    private readonly PartitionedRateLimiter<(Identity Person, Share Share)> _shares;
    private readonly PartitionedRateLimiter<Identity> _bytes;

    public CallLimits(LimitsOptions limits, GatewayMetrics metrics, TimeProvider time)
    {
        (_limits, Metrics) = (limits, metrics);
        _seats = new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = limits.Seats });
        _ownSeats = PartitionedRateLimiter.Create<Identity, Identity>(person => RateLimitPartition.GetConcurrencyLimiter(
            person, _ => new ConcurrencyLimiterOptions { PermitLimit = limits.ConcurrentCalls }));
        _shares = PartitionedRateLimiter.Create<(Identity, Share), (Identity, Share)>(key => RateLimitPartition.GetTokenBucketLimiter(key, Bucket));
        _bytes = PartitionedRateLimiter.Create<Identity, Identity>(person => RateLimitPartition.Get<Identity>(person, _ => new ByteBudget(limits.BytesPerMinute, time)));
        metrics.Observe(() => Running, limits);
    }

    public GatewayMetrics Metrics { get; }

    /// <summary>How many calls of all callers are running.</summary>
    public long Running => _limits.Seats - (_seats.GetStatistics()?.CurrentAvailablePermits ?? 0);

    /// <summary>
    /// Lets a caller's request in, before a byte of its body is read: a body that comes slowly takes a seat of him who sends it.
    /// </summary>
    /// <returns>Null, and the <see cref="RunningCall"/> is a feature of the request; or the refusal.</returns>
    [SuppressMessage("Reliability", "CA2000", Justification = "Disposed with the response.")]
    public Refusal? Enter(HttpContext http, Caller caller)
    {
        var person = new Identity(caller.Issuer, caller.Subject);
        using var bytes = _bytes.AttemptAcquire(person, 0);
        if (!bytes.IsAcquired)
        {
            return Refusal.TooManyBytes(Wait(bytes));
        }

        var own = _ownSeats.AttemptAcquire(person);
        if (!own.IsAcquired)
        {
            own.Dispose();
            return Refusal.TooManyAtOnce("quota_concurrent_calls");
        }

        var seat = _seats.AttemptAcquire();
        if (!seat.IsAcquired)
        {
            seat.Dispose();
            own.Dispose();
            // The same words: how busy others are is theirs.
            return Refusal.TooManyAtOnce("quota_server");
        }

        var call = new RunningCall(this, person, _limits.CallTimeout, own, seat);
        // Whatever happens, at the latest when the request is over.
        http.Response.RegisterForDispose(call);
        http.Features.Set(call);
        return null;
    }

    /// <summary>Takes the cost of an operation from all shares that it belongs to.</summary>
    public Refusal? Take(Identity person, Operation? operation)
    {
        foreach (var share in Shares.Of(operation))
        {
            using var lease = _shares.AttemptAcquire((person, share));
            if (!lease.IsAcquired)
            {
                return Refusal.TooManyCalls(Wait(lease), $"quota_{share.ToString().ToLowerInvariant()}");
            }
        }

        return null;
    }

    public void Charge(Identity person, int bytes) => _bytes.AttemptAcquire(person, bytes).Dispose();

    /// <summary>
    /// Whether a decision gets a record of its own. All do, but for refusals because of a limit beyond the first of a minute: nobody who hammers at his
    /// limit shall fill the disk. The metrics count those.
    /// </summary>
    public bool IsRecorded(Caller? caller, Refusal? refusal)
    {
        if (caller is null || refusal is not { Status: StatusCodes.Status429TooManyRequests })
        {
            return true;
        }

        using var lease = _shares.AttemptAcquire((new Identity(caller.Issuer, caller.Subject), Share.Records));
        return lease.IsAcquired;
    }

    public void Dispose()
    {
        _seats.Dispose();
        _ownSeats.Dispose();
        _shares.Dispose();
        _bytes.Dispose();
    }

    /// <summary>One more call each time that a call's part of the minute has passed, instead of all of them at its end.</summary>
    private TokenBucketRateLimiterOptions Bucket((Identity Person, Share Share) key)
    {
        var perMinute = Shares.PerMinute(key.Share, _limits);
        return new() { TokenLimit = perMinute, TokensPerPeriod = 1, ReplenishmentPeriod = TimeSpan.FromMinutes(1) / perMinute };
    }

    /// <summary>Whole seconds, never too few: the framework fills its buckets ten times a second.</summary>
    private static int Wait(RateLimitLease lease) =>
        (int)Math.Ceiling((lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(1)).TotalSeconds + 0.1);
}
