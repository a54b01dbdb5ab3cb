using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// New content on its way to a name: written and flushed under a name that nobody can see, in the directory where it will stay, then renamed in
/// one step. Whoever reads sees the old content or the new, never a part; what does not get its name is removed.
/// </summary>
internal sealed class TemporaryFile : IDisposable
{
    /// <summary>What <see cref="ProjectFolder.SweepTemporaries"/> looks for after a crash.</summary>
    public const string Prefix = NameRules.OwnPrefix + "tmp-";

    private readonly HeldDirectory _directory;
    private readonly string _name;
    private readonly SafeFileHandle _handle;
    private bool _placed;

    private TemporaryFile(HeldDirectory directory, string name, SafeFileHandle handle)
    {
        (_directory, _name, _handle) = (directory, name, handle);
    }

    /// <summary>Writes the content to the disk under a temporary name.</summary>
    /// <param name="directory">Where the file will stay; it is not disposed here.</param>
    /// <param name="content">All of it.</param>
    /// <param name="mode">The permissions while it is written.</param>
    /// <param name="file">The file, unless the answer is a fault; then nothing is left behind.</param>
    public static DiskFault Write(HeldDirectory directory, ReadOnlySpan<byte> content, UnixFileMode mode, out TemporaryFile? file)
    {
        file = null;
        var name = Prefix + RandomNumberGenerator.GetHexString(24, lowercase: true);
        var fault = directory.CreateFile(name, mode, out var handle);
        if (handle is null)
        {
            return fault;
        }

        file = new(directory, name, handle);
        try
        {
            RandomAccess.Write(handle, content, 0);
            RandomAccess.FlushToDisk(handle);
            return DiskFault.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file.Dispose();
            file = null;
            return DiskFaults.From(e);
        }
    }

    /// <summary>Gives the file the permissions of the one that it replaces.</summary>
    public DiskFault SetMode(UnixFileMode mode)
    {
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(_handle, mode);
            }

            return DiskFault.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DiskFaults.From(e);
        }
    }

    /// <summary>Gives the file its name, and says what it then is: the rename itself counts as a change on most file systems.</summary>
    public DiskFault Place(string name, bool replace, out FileState state)
    {
        state = default;
        var fault = _directory.Rename(_name, _directory, name, replace);
        if (fault == DiskFault.None)
        {
            _placed = true;
            fault = _directory.Flush();
        }

        return fault == DiskFault.None ? _directory.Inspect(_handle, out state) : fault;
    }

    public void Dispose()
    {
        _handle.Dispose();
        if (!_placed)
        {
            _directory.Remove(_name);
        }
    }
}
