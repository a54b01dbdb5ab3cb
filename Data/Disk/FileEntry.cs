using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>A file or directory of a project, as the disk had it at one moment.</summary>
/// <param name="Path">'/'-separated, relative to the project or the workspace's directory; empty for that itself.</param>
/// <param name="Type">"file" or "directory".</param>
/// <param name="Modified">When the content last changed, in UTC.</param>
/// <param name="Size">Bytes; null for a directory.</param>
/// <param name="Etag">Changes whenever the file does, and means nothing else; null for a directory.</param>
internal sealed record FileEntry(string Path, string Type, DateTimeOffset Modified, long? Size = null, string? Etag = null)
{
    public static FileEntry From(ProjectPath path, FileState state) => state.Kind == FileKind.Directory
        ? new(path.Shown, "directory", state.Modified.ToTime())
        : new(path.Shown, "file", state.Modified.ToTime(), state.Size, state.Etag);
}

/// <summary>A file held open for reading, and the entry of that very file, whatever its name means by now.</summary>
internal sealed record OpenedFile(SafeFileHandle Handle, FileEntry Entry) : IDisposable
{
    /// <summary>The content from its beginning. Disposing the stream closes the file.</summary>
    public Stream AsStream() => new FileStream(Handle, FileAccess.Read, bufferSize: 0);

    public void Dispose() => Handle.Dispose();
}
