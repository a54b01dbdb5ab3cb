namespace McpFilesServer.Data;

/// <summary>A file that comes from elsewhere.</summary>
/// <param name="Size">Its bytes, as they were announced. More or fewer are a failure.</param>
/// <param name="CopyAsync">Gives the content, block by block. Nothing is asked for before that.</param>
internal sealed record IncomingFile(long Size, Func<Action<ReadOnlySpan<byte>>, CancellationToken, Task> CopyAsync);
