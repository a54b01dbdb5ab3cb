using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace McpFilesServer.Bench;

/// <summary>
/// A connection that sends requests which were made before, and reads of an answer where it ends and how long it is. The client has the same processors as the server:
/// whatever it does beyond that is taken from what is measured.
/// </summary>
internal sealed class Wire : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[256 * 1024];
    private int _from;
    private int _to;

    public static async Task<Wire> OpenAsync(Uri server)
    {
        var wire = new Wire();
        await wire._socket.ConnectAsync("127.0.0.1", server.Port);
        return wire;
    }

    /// <summary>A message, as a client posts it.</summary>
    public static byte[] Request(string resource, string? token, string message)
    {
        var uri = new Uri(resource);
        return Encoding.UTF8.GetBytes(
            $"POST {uri.AbsolutePath} HTTP/1.1\r\nHost: {uri.Authority}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json; charset=utf-8\r\n"
            + (token is null ? "" : $"Authorization: Bearer {token}\r\n") + $"Content-Length: {Encoding.UTF8.GetByteCount(message)}\r\n\r\n{message}");
    }

    /// <summary>Sends a request and waits for the end of its answer.</summary>
    /// <returns>The status, and the length of the body.</returns>
    public async ValueTask<(int Status, int Length)> SendAsync(byte[] request)
    {
        await _socket.SendAsync(request);
        var (status, expected) = Head(await ThroughAsync("\r\n\r\n"u8.ToArray()));
        if (expected is { } length)
        {
            await SkipAsync(length);
            return (status, length);
        }

        var whole = 0;
        while (true)
        {
            var chunk = int.Parse(await ThroughAsync("\r\n"u8.ToArray()), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            await SkipAsync(chunk + 2);
            whole += chunk;
            if (chunk == 0)
            {
                return (status, whole);
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static (int Status, int? Length) Head(string head)
    {
        var status = int.Parse(head.AsSpan("HTTP/1.1 ".Length, 3), CultureInfo.InvariantCulture);
        var at = head.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
        return (status, at < 0 ? null : int.Parse(head.AsSpan(at + 16, head.IndexOf('\r', at) is var end and >= 0 ? end - at - 16 : head.Length - at - 16), CultureInfo.InvariantCulture));
    }

    /// <summary>What comes before this mark; both are read.</summary>
    private async ValueTask<string> ThroughAsync(byte[] mark)
    {
        int at;
        while ((at = _buffer.AsSpan(_from.._to).IndexOf(mark)) < 0)
        {
            await MoreAsync();
        }

        var text = Encoding.ASCII.GetString(_buffer.AsSpan(_from, at));
        _from += at + mark.Length;
        return text;
    }

    private async ValueTask SkipAsync(int length)
    {
        while (_to - _from < length)
        {
            length -= _to - _from;
            _from = _to = 0;
            await MoreAsync();
        }

        _from += length;
    }

    private async ValueTask MoreAsync()
    {
        if (_from > 0)
        {
            _buffer.AsSpan(_from.._to).CopyTo(_buffer);
            (_from, _to) = (0, _to - _from);
        }

        var read = await _socket.ReceiveAsync(_buffer.AsMemory(_to));
        _to += read > 0 ? read : throw new InvalidOperationException("The server closed the connection.");
    }
}
