using System.Buffers;
using System.Net;

namespace McpFilesServer.Data;

/// <summary>
/// Fetches contents of files from, and sends them to, the addresses that Graph gives. They are on other hosts and carry their permission in themselves, so this
/// class knows no token and cannot send one; it calls allowed hosts only, follows nothing, and reads no more than it was told to expect.
/// </summary>
internal sealed class Transfers(HttpClient http, TransferHosts hosts, GraphOptions options, TimeProvider time)
{
    private const int Block = 128 * 1024;

    /// <summary>The largest answer to a fragment, in bytes.</summary>
    private const int MaxAnswer = 64 * 1024;

    /// <summary>Fetches a content, block by block.</summary>
    /// <param name="address">As Graph gave it.</param>
    /// <param name="circuit">Whose circuit breaker watches the call.</param>
    /// <param name="size">How many bytes are expected.</param>
    /// <param name="take">Gets each block.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ProblemException">The address is not allowed, or what comes is not what was expected.</exception>
    public Task GetAsync(Uri address, string circuit, long size, Action<ReadOnlySpan<byte>> take, CancellationToken cancellationToken) => SendAsync(
        HttpMethod.Get, address, null, circuit,
        async (response, cancel) =>
        {
            var announced = response.Content.Headers.ContentLength;
            if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentEncoding.Count > 0 || (announced is not null && announced != size))
            {
                throw GraphFaults.Unusable();
            }

            await CopyAsync(await response.Content.ReadAsStreamAsync(cancel), take, cancel);
            return true;
        },
        cancellationToken);

    /// <summary>Sends a fragment of an upload. It is tried once.</summary>
    /// <returns>The item, when it was the last; or the place of the next byte.</returns>
    /// <exception cref="ProblemException">The address is not allowed, or the storage refused or failed.</exception>
    public Task<(DriveItem? Made, long? Next)> PutAsync(Uri address, string circuit, FilePart part, string what, CancellationToken cancellationToken)
    {
        part.Headers.ContentRange = part.Range;
        return SendAsync<(DriveItem?, long?)>(
            HttpMethod.Put, address, part, circuit,
            async (response, cancel) => response.StatusCode switch
            {
                HttpStatusCode.Accepted => (null, (await ReadAsync<UploadSession>(response, cancel)).Next),
                HttpStatusCode.OK or HttpStatusCode.Created => (await ReadAsync<DriveItem>(response, cancel), null),
                // The address is no longer good, or never was: nothing that the caller could look for.
                HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound => throw GraphFaults.Unusable(),
                _ => throw GraphFaults.Of(response, what, time),
            },
            cancellationToken);
    }

    /// <summary>Takes an upload back. When even that fails, the storage forgets it by itself after a while.</summary>
    public async Task AbandonAsync(Uri address, string circuit)
    {
        try
        {
            // The caller may be gone: that is why it is taken back.
            using var limit = new CancellationTokenSource(options.Timeout);
            _ = await SendAsync(HttpMethod.Delete, address, null, circuit, (_, _) => Task.FromResult(true), limit.Token);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            // What went wrong before is what the caller hears.
        }
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellationToken) where T : class
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        await response.Content.LoadIntoBufferAsync(MaxAnswer, limit.Token);
        return await response.Content.ReadFromJsonAsync<T>(cancellationToken) ?? throw GraphFaults.Unusable();
    }

    /// <summary>Calls an address, which is done with when this returns.</summary>
    private async Task<T> SendAsync<T>(
        HttpMethod method, Uri address, HttpContent? content, string circuit, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        if (!hosts.Allow(address))
        {
            throw GraphFaults.Unusable();
        }

        using var request = new HttpRequestMessage(method, address) { Content = content };
        request.Options.Set(GraphResilience.Circuit, circuit);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return await read(response, cancellationToken);
        }
        catch (Exception e) when (GraphFaults.IsTheirs(e) && !cancellationToken.IsCancellationRequested)
        {
            throw GraphFaults.From(e);
        }
    }

    private async Task CopyAsync(Stream stream, Action<ReadOnlySpan<byte>> take, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Block);
        try
        {
            using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            for (var read = -1; read != 0; take(buffer.AsSpan(0, read)))
            {
                idle.CancelAfter(options.Timeout);
                read = await stream.ReadAsync(buffer, idle.Token);
            }
        }
        finally
        {
            // It goes to whoever rents next, for another person.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }
}
