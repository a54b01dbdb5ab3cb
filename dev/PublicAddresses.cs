using System.Net;
using System.Net.Sockets;

namespace McpFilesServer.Dev;

/// <summary>
/// Which addresses belong to the public internet. The others lead into this machine, its network, or its cloud's metadata, where a stranger must not be
/// able to send a request of this provider (RFC 6890, and the registries that grew from it).
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] Special =
    [
        .. ((string[])
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
            "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32", // a cloud's own, although its range is public
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // protocol assignments with Teredo, documentation, 6to4
        ]).Select(IPNetwork.Parse),
    ];

    /// <summary>Global unicast. All else of IPv6 is local, multicast, or an IPv4 address in disguise (NAT64, compatible, translated).</summary>
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    public static bool Contain(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

        return (plain.AddressFamily is AddressFamily.InterNetwork || GlobalUnicast.Contains(plain)) && !Special.Any(network => network.Contains(plain));
    }
}
