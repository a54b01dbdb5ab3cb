using System.Buffers;

namespace McpFilesServer.Data;

/// <summary>
/// What one answer holds of files: buffers from the pool, and their room among all <see cref="BytesInFlight"/>. Everything that is taken is written down here at
/// once and given back together, exactly once, when the answer has been sent or never will be; nobody on the way has to think of it.
/// </summary>
internal sealed class AnswerMemory(BytesInFlight all) : IDisposable
{
    private readonly List<byte[]> _buffers = [];
    private readonly List<IDisposable> _rooms = [];
    private bool _over;

    /// <summary>Waits for room for so many bytes of files. To be called once in a call: two calls that have one part and wait for another would wait for each other.</summary>
    /// <exception cref="ProblemException">There was none in the time of the call.</exception>
    public async Task ReserveAsync(long bytes, CancellationToken cancellationToken) => _rooms.Add(await all.TakeAsync(bytes, cancellationToken));

    /// <summary>A buffer of at least so many bytes, whatever they are.</summary>
    public byte[] Rent(int length)
    {
        ObjectDisposedException.ThrowIf(_over, this);
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>Text in a buffer that was rented here.</summary>
    public PooledText Text(byte[] buffer, int start, int length) => new(this, buffer, start, length);

    public void Dispose()
    {
        if (!_over)
        {
            _over = true;
            _buffers.ForEach(buffer => ArrayPool<byte>.Shared.Return(buffer));
            _rooms.ForEach(room => room.Dispose());
        }
    }

    /// <summary>Text in UTF-8, valid. It cannot be looked at when its buffer may be somebody else's already.</summary>
    internal sealed class PooledText(AnswerMemory memory, byte[] buffer, int start, int length)
    {
        /// <exception cref="ObjectDisposedException">The answer is over.</exception>
        public ReadOnlySpan<byte> Utf8 => memory._over ? throw new ObjectDisposedException(nameof(PooledText)) : buffer.AsSpan(start, length);
    }
}
