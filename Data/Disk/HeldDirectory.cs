using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// A directory of a project, held open. Everything is done to one name inside it, so that nobody can put another directory in its place between
/// a check and a use. Names come from a <see cref="ProjectPath"/> or are the server's own; nothing here throws for what the disk says.
/// </summary>
internal abstract class HeldDirectory : IDisposable
{
    /// <summary>What the system says about the directory itself.</summary>
    public abstract FileState State { get; }

    /// <summary>Opens the directory that a project is.</summary>
    /// <param name="absoluteRoot">Where it is; the last component must not be a link.</param>
    /// <param name="withoutOpenAt2">True to walk component by component even where Linux could do it in one call.</param>
    /// <param name="held">The directory, unless the answer is a fault.</param>
    public static DiskFault OpenRoot(string absoluteRoot, bool withoutOpenAt2, out HeldDirectory? held) => OperatingSystem.IsLinux()
        ? LinuxDirectory.OpenRoot(absoluteRoot, withoutOpenAt2, out held)
        : PortableDirectory.OpenRoot(absoluteRoot, out held);

    /// <summary>Opens a directory below this one.</summary>
    public abstract DiskFault Open(ProjectPath path, out HeldDirectory? held);

    /// <summary>Opens a directory in this one, whose name may be one of the server's own.</summary>
    public abstract DiskFault OpenDirectory(string name, out HeldDirectory? held);

    /// <summary>Opens whatever has this name for reading, without waiting; the state is that of the handle.</summary>
    public abstract DiskFault OpenFile(string name, out SafeFileHandle? handle, out FileState state);

    /// <summary>Creates a file that was not there, for writing.</summary>
    public abstract DiskFault CreateFile(string name, UnixFileMode mode, out SafeFileHandle? handle);

    /// <summary>Creates a directory that was not there.</summary>
    public abstract DiskFault CreateDirectory(string name, UnixFileMode mode);

    /// <summary>Gives a file the owner, group and permissions of another one, the first two as far as the server may.</summary>
    public abstract DiskFault Resemble(SafeFileHandle handle, FileState other);

    public abstract DiskFault Inspect(string name, out FileState state);

    public abstract DiskFault Inspect(SafeFileHandle handle, out FileState state);

    /// <summary>At most so many of the names in this directory, in no order, whatever they stand for. To be asked once.</summary>
    public abstract DiskFault ReadNames(int max, out List<string> names);

    /// <summary>The next names of this directory, in no order, whatever they stand for; none when there are no more. To be asked until then, by one at a time.</summary>
    public abstract DiskFault ReadSome(NameBuffer names);

    /// <summary>Reads at a place in an opened file. The answer is how many bytes; 0 at its end, less when it cannot be read.</summary>
    public abstract int Read(SafeFileHandle handle, Span<byte> buffer, long offset);

    /// <summary>Gives a file or directory in here another name, in one step that is seen whole or not at all.</summary>
    /// <param name="from">Its name here.</param>
    /// <param name="target">Where it goes; may be this directory.</param>
    /// <param name="to">Its name there.</param>
    /// <param name="replace">False to fail with <see cref="DiskFault.Exists"/> when there is something with that name.</param>
    public abstract DiskFault Rename(string from, HeldDirectory target, string to, bool replace);

    /// <summary>Two files take each other's names, in one step that is seen whole or not at all.</summary>
    /// <returns><see cref="DiskFault.NotOffered"/> where the system or the file system cannot.</returns>
    public abstract DiskFault Exchange(string name, HeldDirectory target, string other);

    /// <summary>Removes a file (not a directory).</summary>
    public abstract DiskFault Remove(string name);

    /// <summary>Removes a file, or a directory with all that is in it; nothing beyond a link or on another mount. That it is not there is no fault.</summary>
    public abstract DiskFault RemoveTree(string name);

    /// <summary>Brings the names of this directory to the disk.</summary>
    public abstract DiskFault Flush();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);

    // Keeps a handle only when everything about it was in order.
    protected static DiskFault Keep(DiskFault fault, [NotNullIfNotNull(nameof(handle))] ref SafeFileHandle? handle)
    {
        if (fault != DiskFault.None)
        {
            handle?.Dispose();
            handle = null;
        }

        return fault;
    }
}
