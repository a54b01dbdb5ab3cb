using System.Net;

namespace McpFilesServer.Data;

/// <summary>
/// Where contents of files may go and come from. The addresses are Graph's answers, so that each is judged before it is called, by its name, and again by what the
/// name resolves to: https, a host of the settings, on the public internet. On somebody's own machine, in Development, also loopback, when the settings name it.
/// </summary>
internal sealed class TransferHosts(GraphOptions options, IHostEnvironment environment)
{
    public bool Allow(Uri address) =>
        address.IsAbsoluteUri && address is { UserInfo: "", Fragment: "" }
        && (address.IsLoopback ? environment.IsDevelopment() && address.Scheme is "http" or "https" : address is { Scheme: "https", IsDefaultPort: true, HostNameType: UriHostNameType.Dns })
        && options.TransferHosts.Any(allowed => Matches(allowed, address.IdnHost));

    /// <summary>Whether a connection may be opened to this address for an allowed host.</summary>
    public bool Allow(string host, IPAddress address) =>
        environment.IsDevelopment() && new UriBuilder("http", host).Uri.IsLoopback ? IPAddress.IsLoopback(address) : PublicAddresses.Has(address);

    private static bool Matches(string allowed, string host) => allowed.StartsWith("*.", StringComparison.Ordinal)
        ? host.Length >= allowed.Length && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase)
        : string.Equals(host, allowed.Trim('[', ']'), StringComparison.OrdinalIgnoreCase);
}
