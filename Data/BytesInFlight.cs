using System.Threading.RateLimiting;

namespace McpFilesServer.Data;

/// <summary>
/// The room for contents of files on their way to clients, all calls together: <see cref="FilesOptions.MaxBytesInFlight"/>. Who comes first is served first,
/// so that nobody with a large file waits forever behind many small ones.
/// </summary>
internal sealed class BytesInFlight(FilesOptions options) : IDisposable
{
    private readonly ConcurrencyLimiter _room = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = options.MaxBytesInFlight,
        // A call that waits has a seat, and those are counted.
        QueueLimit = int.MaxValue,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    /// <summary>Waits until there is room.</summary>
    /// <returns>What is disposed when the bytes are no longer there.</returns>
    /// <exception cref="ProblemException">The call's time was over first.</exception>
    public async ValueTask<IDisposable> TakeAsync(long bytes, CancellationToken cancellationToken)
    {
        try
        {
            var lease = await _room.AcquireAsync((int)bytes, cancellationToken);
            return lease.IsAcquired ? lease : throw Busy();
        }
        catch (OperationCanceledException)
        {
            throw Busy();
        }
    }

    public void Dispose() => _room.Dispose();

    private static ProblemException Busy() => new("The server is busy with other large reads. Try again in a moment, or read less at once.");
}
