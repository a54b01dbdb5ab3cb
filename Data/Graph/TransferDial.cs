using System.Net;
using System.Net.Sockets;

namespace McpFilesServer.Data;

/// <summary>The addresses of a host.</summary>
internal delegate Task<IPAddress[]> ResolveHost(string host, CancellationToken cancellationToken);

/// <summary>
/// Opens connections to transfer hosts. A name is resolved once, every address is judged, and one of these very addresses is dialled: a name that means something
/// else the second time (DNS rebinding) gains nothing, nor does one with a public and a private address.
/// </summary>
internal sealed class TransferDial(TransferHosts hosts, ResolveHost resolve)
{
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await resolve(host, cancellationToken);
        if (addresses.Length == 0 || !addresses.All(address => hosts.Allow(host, address)))
        {
            throw new HttpRequestException("The host is not on the public internet.");
        }

        Socket? socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            var stream = new NetworkStream(socket, ownsSocket: true);
            socket = null;
            return stream;
        }
        finally
        {
            socket?.Dispose();
        }
    }
}
