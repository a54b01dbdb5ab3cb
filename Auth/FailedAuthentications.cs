using System.Net;
using System.Net.Sockets;

namespace McpFilesServer.Auth;

/// <summary>
/// Counts bad tokens for each address. Only failures count and only failures are refused, so that nobody can lock out a person, or his neighbours
/// behind the same address, by guessing.
/// </summary>
/// <remarks>
/// A table of fixed size, because a network can have more addresses than this server has memory. Addresses that meet in one place share its count; which
/// do is different in each process (the hash is keyed), so nobody can choose whom to meet, and who is met hears "wait" for a bad token, never for a good one.
/// </remarks>
internal sealed class FailedAuthentications(LimitsOptions limits, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly int[] _counts = new int[64 * 1024];
    private long? _began;

    /// <summary>Counts a failure of this address.</summary>
    /// <returns>Null while there is room; else the seconds until there is again.</returns>
    public int? Count(IPAddress? address)
    {
        var place = (uint)Source(address ?? IPAddress.None).GetHashCode(StringComparison.Ordinal) % (uint)_counts.Length;
        lock (_lock)
        {
            if (_began is null || time.GetElapsedTime(_began.Value) >= Window)
            {
                Array.Clear(_counts);
                _began = time.GetTimestamp();
            }

            return ++_counts[place] <= limits.FailedAuthenticationsPerMinute ? null : (int)Math.Ceiling((Window - time.GetElapsedTime(_began.Value)).TotalSeconds);
        }
    }

    /// <summary>An IPv6 subscriber has a whole /64 to choose addresses from, and counts as one.</summary>
    private static string Source(IPAddress address) =>
        address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false }
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address.MapToIPv4().ToString();
}
