using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace McpFilesServer.Data;

/// <summary>A part of a file on its way out, read from the disk while it is sent, and never held as a whole.</summary>
/// <param name="file">The file, which stays open for as long as this is used.</param>
/// <param name="offset">Where the part begins, in bytes.</param>
/// <param name="length">How many bytes it has.</param>
internal sealed class FilePart(OpenedFile file, long offset, long length) : HttpContent
{
    private const int Block = 128 * 1024;

    /// <summary>Which part of the whole it is (RFC 9110 §14.4). Only a storage that takes parts is told.</summary>
    public ContentRangeHeaderValue Range => new(offset, offset + length - 1, file.Entry.Size!.Value);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <exception cref="ProblemException">The file cannot be read, or has become shorter.</exception>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Block);
        try
        {
            for (long sent = 0; sent < length;)
            {
                var block = buffer.AsMemory(0, (int)Math.Min(Block, length - sent));
                var read = await ReadAsync(block, offset + sent, cancellationToken);
                await stream.WriteAsync(block[..read], cancellationToken);
                sent += read;
            }
        }
        finally
        {
            // It goes to whoever rents next, for another project.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length;
        return true;
    }

    private async ValueTask<int> ReadAsync(Memory<byte> block, long at, CancellationToken cancellationToken)
    {
        var path = ProjectPath.Parse(file.Entry.Path);
        try
        {
            return await RandomAccess.ReadAsync(file.Handle, block, at, cancellationToken) is > 0 and var read ? read
                : throw new ConflictException($"{DiskFaults.Quote(path)} was changed while it was read; try again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskFaults.WhenReading(DiskFaults.From(e), path);
        }
    }
}
