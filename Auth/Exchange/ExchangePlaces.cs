using System.Threading.RateLimiting;

namespace McpFilesServer.Auth;

/// <summary>
/// Where exchanges wait their turn. So many run at once and no more, so that a slow issuer holds up nothing but what needs it; a person has a quarter of the
/// places, so that nobody holds up the others.
/// </summary>
internal sealed class ExchangePlaces : IDisposable
{
    /// <summary>More than can come: how many wait is limited by <see cref="CallLimits"/>.</summary>
    private const int Waiting = 1_000_000;

    private readonly PartitionedRateLimiter<Identity> _places;

    public ExchangePlaces(ExchangeOptions options)
    {
        var own = new ConcurrencyLimiterOptions { PermitLimit = Math.Max(1, options.AtOnce / 4), QueueLimit = Waiting };
        var all = new ConcurrencyLimiterOptions { PermitLimit = options.AtOnce, QueueLimit = Waiting };
        _places = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<Identity, Identity>(person => RateLimitPartition.GetConcurrencyLimiter(person, _ => own)),
            PartitionedRateLimiter.Create<Identity, int>(_ => RateLimitPartition.GetConcurrencyLimiter(0, _ => all)));
    }

    /// <summary>Waits for a place, which is given back by disposing it.</summary>
    /// <exception cref="ExchangeException">None came free in time.</exception>
    public async Task<IDisposable> EnterAsync(Caller caller, CancellationToken cancellationToken)
    {
        try
        {
            var lease = await _places.AcquireAsync(new Identity(caller.Issuer, caller.Subject), 1, cancellationToken);
            if (lease.IsAcquired)
            {
                return lease;
            }

            lease.Dispose();
        }
        catch (OperationCanceledException)
        {
            // Said below.
        }

        throw new ExchangeException(ExchangeFailure.Unavailable, "obo_busy");
    }

    public void Dispose() => _places.Dispose();
}
