using System.Diagnostics;
using System.Net;

namespace McpFilesServer.Bench;

/// <summary>The same kind of call over and over, by so many clients at once, each of which waits for its answer before it sends the next.</summary>
/// <param name="server">Who is called.</param>
/// <param name="status">The status that every answer must have.</param>
/// <param name="least">The least length that every answer must have, in bytes.</param>
internal sealed class Load(BenchServer server, HttpStatusCode status, int least = 1) : IDisposable
{
    private readonly List<Wire> _wires = [];

    /// <summary>Calls a second, and the server's processor time a call in milliseconds.</summary>
    /// <param name="requests">Sent in turn, from the beginning again until there were enough.</param>
    /// <param name="calls">How many.</param>
    /// <param name="atOnce">How many clients.</param>
    public async Task<(double Rate, double Processor)> RunAsync(IReadOnlyList<byte[]> requests, int calls, int atOnce)
    {
        while (_wires.Count < atOnce)
        {
            _wires.Add(await Wire.OpenAsync(new Uri(server.Resource)));
        }

        var next = -1;
        var (processor, watch) = (server.Processor, Stopwatch.StartNew());
        await Task.WhenAll(_wires.Take(atOnce).Select(wire => Task.Run(async () =>
        {
            for (var i = Interlocked.Increment(ref next); i < calls; i = Interlocked.Increment(ref next))
            {
                var (answered, length) = await wire.SendAsync(requests[i % requests.Count]);
                if (answered != (int)status || length < least)
                {
                    throw new InvalidOperationException($"{answered}, {length} bytes");
                }
            }
        })));
        return (calls / watch.Elapsed.TotalSeconds, (server.Processor - processor).TotalMilliseconds / calls);
    }

    public void Dispose() => _wires.ForEach(wire => wire.Dispose());
}
