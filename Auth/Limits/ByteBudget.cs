using System.Threading.RateLimiting;

namespace McpFilesServer.Auth;

/// <summary>
/// Bytes a minute, as a bucket that fills steadily and may be overdrawn: how large an answer is shows only when it is written, and half of one is of use
/// to nobody and would be asked for again. So what runs is finished and charged in full, and nothing new begins before the debt is paid. That is what
/// the framework's own token bucket cannot do.
/// </summary>
internal sealed class ByteBudget(long perMinute, TimeProvider time) : RateLimiter
{
    private readonly Lock _lock = new();
    private readonly double _perSecond = perMinute / 60.0;
    private double _left = perMinute;
    private long _asOf = time.GetTimestamp();

    /// <summary>How long the bucket has been full: then it is dropped, and a new one is as good.</summary>
    public override TimeSpan? IdleDuration
    {
        get
        {
            lock (_lock)
            {
                var spare = time.GetElapsedTime(_asOf).TotalSeconds - ((perMinute - _left) / _perSecond);
                return spare >= 0 ? TimeSpan.FromSeconds(spare) : null;
            }
        }
    }

    public override RateLimiterStatistics? GetStatistics() => null;

    /// <summary>Charges so many bytes, whether they are there or not; with 0 it only asks.</summary>
    /// <returns>Acquired when something is left; else when there will be.</returns>
    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(perMinute, _left + (time.GetElapsedTime(_asOf, now).TotalSeconds * _perSecond)) - permitCount;
            _asOf = now;
            return new Answer(_left > 0 ? null : TimeSpan.FromSeconds(-_left / _perSecond));
        }
    }

    /// <summary>Nobody waits here.</summary>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) => new(AttemptAcquireCore(permitCount));

    private sealed class Answer(TimeSpan? wait) : RateLimitLease
    {
        public override bool IsAcquired => wait is null;

        public override IEnumerable<string> MetadataNames => [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? wait : null;
            return wait is not null && metadataName == MetadataName.RetryAfter.Name;
        }
    }
}
