using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// HTTP by hand, for requests that no client library would send. Bounded: at most 8 seconds and 1 MiB of answer; it stops early
/// when nothing has come for a second after something had.
/// </summary>
internal static class RawHttp
{
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(8);

    /// <summary>The bytes of a request that is written with plain line ends.</summary>
    public static byte[] Bytes(string request) => Encoding.UTF8.GetBytes(request.ReplaceLineEndings("\r\n"));

    public static byte[] Replace(byte[] bytes, string old, string now) =>
        Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(bytes).Replace(old, now, StringComparison.Ordinal));

    public static Task<RawAnswer> SendAsync(Uri server, byte[] request) => SendAsync(server, [request]);

    /// <summary>Sends parts one after another until the server answers or closes, and reads what comes back.</summary>
    [SuppressMessage("Reliability", "CA2025", Justification = "The task is awaited before the end.")]
    public static async Task<RawAnswer> SendAsync(Uri server, IEnumerable<byte[]> parts)
    {
        using var limit = new CancellationTokenSource(Most);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port, limit.Token);
        var stream = client.GetStream();
        var reading = ReadAsync(stream, limit.Token);
        long sent = 0;
        try
        {
            foreach (var part in parts)
            {
                await stream.WriteAsync(part, limit.Token);
                sent += part.Length;
                if (reading.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The server would not listen any longer: what it said before counts.
        }

        var (text, closed) = await reading;
        return new RawAnswer(text, closed, sent);
    }

    private static async Task<(string Text, bool Closed)> ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        using var all = new MemoryStream();
        try
        {
            while (all.Length < 1024 * 1024)
            {
                using var quiet = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                if (all.Length > 0)
                {
                    quiet.CancelAfter(TimeSpan.FromSeconds(1));
                }

                var read = await stream.ReadAsync(buffer, quiet.Token);
                if (read == 0)
                {
                    return (Encoding.UTF8.GetString(all.ToArray()), true);
                }

                all.Write(buffer, 0, read);
            }
        }
        catch (OperationCanceledException)
        {
            return (Encoding.UTF8.GetString(all.ToArray()), false);
        }
        catch (IOException)
        {
            return (Encoding.UTF8.GetString(all.ToArray()), true);
        }

        return (Encoding.UTF8.GetString(all.ToArray()), false);
    }
}

/// <summary>What came back over a connection, whole.</summary>
/// <param name="Text">All of it; empty when the server only closed.</param>
/// <param name="Closed">Whether the server closed the connection.</param>
/// <param name="Sent">How many bytes it let itself be sent.</param>
internal sealed record RawAnswer(string Text, bool Closed, long Sent)
{
    /// <summary>How many HTTP responses there are in it.</summary>
    public int Responses => Text.Split("HTTP/1.1 ").Length - 1;

    public Reply ToReply(string trace)
    {
        if (!Text.StartsWith("HTTP/1.1 ", StringComparison.Ordinal))
        {
            // Nothing, or the frames of another protocol.
            return new Reply(0, [], "", "", trace);
        }

        var end = Text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var head = Text[..(end < 0 ? Text.Length : end)].Split("\r\n");
        var body = end < 0 ? "" : Text[(end + 4)..];
        var status = (HttpStatusCode)int.Parse(head[0].Split(' ')[1], CultureInfo.InvariantCulture);
        var challenges = head.Where(line => line.StartsWith("WWW-Authenticate: ", StringComparison.OrdinalIgnoreCase)).Select(line => line[18..]).ToList();
        if (head.Any(line => line.Equals("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase)))
        {
            body = Unchunk(body);
        }

        return new Reply(status, challenges, "\n" + string.Join('\n', head.Skip(1)), body, trace);
    }

    private static string Unchunk(string body)
    {
        var text = new StringBuilder();
        while (body.IndexOf("\r\n", StringComparison.Ordinal) is >= 0 and var line
            && int.TryParse(body.AsSpan(0, line), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var length)
            && length > 0 && body.Length >= line + 2 + length)
        {
            text.Append(body, line + 2, length);
            body = body[Math.Min(body.Length, line + 4 + length)..];
        }

        return text.ToString();
    }
}
