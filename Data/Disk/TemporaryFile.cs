using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// New content on its way to a name: written and flushed in the project's own directory, which nobody sees, then given its name in one step. Whoever
/// reads sees the old content or the new, never a part; what does not get its name is removed. Nothing here throws for what the disk says.
/// </summary>
internal sealed class TemporaryFile : IDisposable
{
    /// <summary>What names of temporaries start with: whatever has such a name when the server starts was left by a crash.</summary>
    public const string Prefix = "tmp-";

    private readonly HeldDirectory _own;
    private readonly SafeFileHandle _handle;
    private string? _name;

    private TemporaryFile(HeldDirectory own, string id, SafeFileHandle handle)
    {
        (_own, Id, _handle, _name) = (own, id, handle, Prefix + id);
    }

    /// <summary>128 random bits: what the replaced version is called in the trash.</summary>
    public string Id { get; }

    /// <summary>Whether it is no temporary any more.</summary>
    public bool IsPlaced => _name is null;

    /// <summary>Bytes written so far.</summary>
    public long Length { get; private set; }

    /// <summary>What the system says about the file since <see cref="Finish"/>.</summary>
    public FileState State { get; private set; }

    public static string NewId() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>Makes an empty one.</summary>
    /// <param name="own">The project's own directory, which is disposed with the file, or when there is none.</param>
    /// <param name="mode">Its permissions, before the umask.</param>
    /// <param name="file">The file, unless the answer is a fault; then nothing is left behind.</param>
    public static DiskFault Create(HeldDirectory own, UnixFileMode mode, out TemporaryFile? file)
    {
        var id = NewId();
        var fault = own.CreateFile(Prefix + id, mode, out var handle);
        file = handle is null ? null : new(own, id, handle);
        if (file is null)
        {
            own.Dispose();
        }

        return fault;
    }

    /// <summary>Adds to the content.</summary>
    public DiskFault Append(ReadOnlySpan<byte> content)
    {
        try
        {
            RandomAccess.Write(_handle, content, Length);
            Length += content.Length;
            return DiskFault.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DiskFaults.From(e);
        }
    }

    /// <summary>Brings the content to the disk. With a file that it is to replace, it gets that one's owner and permissions first.</summary>
    public DiskFault Finish(FileState? like = null)
    {
        try
        {
            var fault = like is { } other ? _own.Resemble(_handle, other) : DiskFault.None;
            if (fault == DiskFault.None)
            {
                RandomAccess.FlushToDisk(_handle);
                State = Inspected(out fault);
            }

            return fault;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DiskFaults.From(e);
        }
    }

    /// <summary>Gives the file its name, and says what it then is: the rename itself counts as a change on most file systems.</summary>
    /// <param name="directory">Where it goes.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="replace">False to fail when there is something with that name. True is for systems without <see cref="Exchange"/>: what was there is lost.</param>
    /// <param name="state">What it is then.</param>
    public DiskFault Place(HeldDirectory directory, string name, bool replace, out FileState state)
    {
        state = default;
        var fault = _own.Rename(_name!, directory, name, replace);
        if (fault != DiskFault.None)
        {
            return fault;
        }

        _name = null;
        fault = Flush(directory);
        state = Inspected(out var uninspected);
        return fault == DiskFault.None ? uninspected : fault;
    }

    /// <summary>The file takes the place of another one, which in the same step comes to lie under <see cref="Id"/>.</summary>
    public DiskFault Exchange(HeldDirectory directory, string name, out FileState state)
    {
        state = default;
        var fault = _own.Rename(_name!, _own, Id, replace: false);
        if (fault != DiskFault.None)
        {
            return fault;
        }

        _name = Id;
        fault = _own.Exchange(Id, directory, name);
        if (fault != DiskFault.None)
        {
            // Back under the name of a temporary: the caller may have another way to go on.
            _name = _own.Rename(Id, _own, Prefix + Id, replace: false) == DiskFault.None ? Prefix + Id : Id;
            return fault;
        }

        _name = null;
        fault = Flush(directory);
        state = Inspected(out var uninspected);
        return fault == DiskFault.None ? uninspected : fault;
    }

    public void Dispose()
    {
        _handle.Dispose();
        if (_name is not null)
        {
            _own.Remove(_name);
        }

        _own.Dispose();
    }

    private DiskFault Flush(HeldDirectory directory) => directory.Flush() is var fault && fault == DiskFault.None ? _own.Flush() : fault;

    private FileState Inspected(out DiskFault fault)
    {
        fault = _own.Inspect(_handle, out var state);
        return state;
    }
}
