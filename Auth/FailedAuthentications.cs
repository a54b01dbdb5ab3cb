using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace McpFilesServer.Auth;

/// <summary>
/// Counts bad tokens for each address. Only failures count and only failures are refused, so that nobody can lock out a person, or his neighbours
/// behind the same address, by guessing.
/// </summary>
internal sealed class FailedAuthentications(LimitsOptions limits) : IDisposable
{
    private readonly PartitionedRateLimiter<IPAddress> _limiter = PartitionedRateLimiter.Create<IPAddress, string>(address =>
        RateLimitPartition.GetFixedWindowLimiter(Source(address), _ => new FixedWindowRateLimiterOptions
        {
            PermitLimit = limits.FailedAuthenticationsPerMinute,
            Window = TimeSpan.FromMinutes(1),
        }));

    /// <summary>Counts a failure of this address.</summary>
    /// <returns>Null while there is room; else the seconds until there is again.</returns>
    public int? Count(IPAddress? address)
    {
        using var lease = _limiter.AttemptAcquire(address ?? IPAddress.None);
        return lease.IsAcquired ? null : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? (int)Math.Ceiling(wait.TotalSeconds) : 60;
    }

    public void Dispose() => _limiter.Dispose();

    /// <summary>An IPv6 subscriber has a whole /64 to choose addresses from, and counts as one.</summary>
    private static string Source(IPAddress address) =>
        address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false }
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address.MapToIPv4().ToString();
}
