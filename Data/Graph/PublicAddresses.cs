using System.Net;
using System.Net.Sockets;

namespace McpFilesServer.Data;

/// <summary>
/// The public internet. Everything else leads into this machine, its network or its cloud's metadata (the registries of special-purpose addresses of RFC 6890), and
/// no answer of another server may send a request of this one there.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] Special4 =
    [
        .. ((string[])
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        ]).Select(IPNetwork.Parse),
    ];

    private static readonly IPNetwork[] Special6 = [.. ((string[])["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"]).Select(IPNetwork.Parse)];

    /// <summary>Of IPv6, what is given out as unicast. All else there is local, multicast, or an IPv4 address in another dress.</summary>
    private static readonly IPNetwork Unicast6 = IPNetwork.Parse("2000::/3");

    public static bool Has(IPAddress address) => address switch
    {
        { IsIPv4MappedToIPv6: true } => Has(address.MapToIPv4()),
        { AddressFamily: AddressFamily.InterNetwork } => !Special4.Any(network => network.Contains(address)),
        _ => Unicast6.Contains(address) && !Special6.Any(network => network.Contains(address)),
    };
}
