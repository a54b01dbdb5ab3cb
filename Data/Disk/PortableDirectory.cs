using System.Text;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// A directory of a project on Windows and macOS. There is no way to resolve a name from a directory handle there, so each thing is opened by its
/// full path and then asked where it really is: when that is not the path that was meant, a link stood in the way and there is nothing.
/// Windows does not let a held directory be moved; on macOS somebody with access to the disk could still swap a directory between the check and a
/// rename. This was not run on either system.
/// </summary>
internal sealed class PortableDirectory : HeldDirectory
{
    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private IEnumerator<string>? _rest;

    private PortableDirectory(SafeFileHandle handle, string path, FileState state)
    {
        (_handle, _path, State) = (handle, path, state);
    }

    public override FileState State { get; }

    public static DiskFault OpenRoot(string absoluteRoot, out HeldDirectory? held)
    {
        var path = Path.TrimEndingDirectorySeparator(absoluteRoot);

        // macOS refuses a link anywhere in a path, and its temporary directory is behind one: the way to the project is resolved first.
        held = null;
        var fault = OperatingSystem.IsMacOS() ? Try(() => path = Path.Join(Resolve(Path.GetDirectoryName(path)!), Path.GetFileName(path))) : DiskFault.None;
        if (fault != DiskFault.None)
        {
            return fault;
        }

        fault = OpenAt(path, null, out var handle, out var state, out var real);
        return Hold(fault, handle, real, state, out held);
    }

    public override DiskFault Open(ProjectPath path, out HeldDirectory? held) =>
        Hold(OpenAt(At(path.Text), State.Volume, out var handle, out var state, out var real), handle, real, state, out held);

    public override DiskFault OpenFile(string name, out SafeFileHandle? handle, out FileState state) =>
        OpenAt(At(name), State.Volume, out handle, out state, out _);

    public override DiskFault CreateFile(string name, UnixFileMode mode, out SafeFileHandle? handle)
    {
        SafeFileHandle? created = null;
        var fault = Try(() =>
        {
            created = File.OpenHandle(At(name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(created, mode & File.GetUnixFileMode(created));
            }
        });
        handle = created;
        return Keep(fault == DiskFault.None && !Is(PortableCalls.Inspect(created!, out _), At(name)) ? DiskFault.Missing : fault, ref handle);
    }

    public override DiskFault OpenDirectory(string name, out HeldDirectory? held) =>
        Hold(OpenAt(At(name), State.Volume, out var handle, out var state, out var real), handle, real, state, out held);

    public override DiskFault CreateDirectory(string name, UnixFileMode mode) => Path.Exists(At(name)) ? DiskFault.Exists : Try(() =>
        _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(At(name)) : Directory.CreateDirectory(At(name), mode));

    public override DiskFault Resemble(SafeFileHandle handle, FileState other) => Try(() =>
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(handle, other.Mode);
        }
    });

    public override DiskFault Inspect(string name, out FileState state)
    {
        var fault = OpenFile(name, out var handle, out state);
        handle?.Dispose();
        return fault;
    }

    public override DiskFault Inspect(SafeFileHandle handle, out FileState state) =>
        PortableCalls.Inspect(handle, out state) is null ? DiskFault.Failed : DiskFault.None;

    public override DiskFault ReadNames(int max, out List<string> names)
    {
        var found = names = [];
        return Try(() => found.AddRange(Directory.EnumerateFileSystemEntries(_path).Take(max).Select(entry => Path.GetFileName(entry))));
    }

    public override DiskFault ReadSome(NameBuffer names) => Try(() =>
    {
        names.Clear();
        _rest ??= Directory.EnumerateFileSystemEntries(_path).GetEnumerator();
        names.IsFull = false;

        // A name has at most 255 characters here, of at most three bytes each.
        for (var start = 0; !names.IsFull && _rest.MoveNext(); names.IsFull = names.Room.Length - start < 1024)
        {
            var length = Encoding.UTF8.GetBytes(Path.GetFileName(_rest.Current.AsSpan()), names.Room[start..]);
            names.Add(start, length, null);
            start += length;
        }
    });

    public override int Read(SafeFileHandle handle, Span<byte> buffer, long offset)
    {
        try
        {
            return RandomAccess.Read(handle, buffer, offset);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return -1;
        }
    }

    public override DiskFault Rename(string from, HeldDirectory target, string to, bool replace) =>
        Try(() =>
        {
            if (!replace && Directory.Exists(At(from)))
            {
                Directory.Move(At(from), ((PortableDirectory)target).At(to));
                return;
            }

            File.Move(At(from), ((PortableDirectory)target).At(to), replace);
        });

    // Neither system has such a step that .NET could ask for.
    public override DiskFault Exchange(string name, HeldDirectory target, string other) => DiskFault.NotOffered;

    public override DiskFault Remove(string name) => Try(() => File.Delete(At(name)));

    public override DiskFault RemoveTree(string name)
    {
        var fault = Try(() =>
        {
            if (Directory.Exists(At(name)))
            {
                Directory.Delete(At(name), recursive: true);
                return;
            }

            File.Delete(At(name));
        });
        return fault == DiskFault.Missing ? DiskFault.None : fault;
    }

    // Neither system offers to flush a directory.
    public override DiskFault Flush() => DiskFault.None;

    protected override void Dispose(bool disposing)
    {
        _rest?.Dispose();
        _handle.Dispose();
    }

    private static string Resolve(string directory) => directory.Split('/').Aggregate("/", (real, name) =>
        Directory.ResolveLinkTarget(Path.Join(real, name), returnFinalTarget: true)?.FullName ?? Path.Join(real, name));

    private static DiskFault Hold(DiskFault fault, SafeFileHandle? handle, string? path, FileState state, out HeldDirectory? held)
    {
        fault = fault == DiskFault.None && state.Kind != FileKind.Directory ? DiskFault.Missing : fault;
        held = Keep(fault, ref handle) == DiskFault.None ? new PortableDirectory(handle!, path!, state) : null;
        return fault;
    }

    private static DiskFault OpenAt(string path, ulong? volume, out SafeFileHandle? handle, out FileState state, out string? real)
    {
        handle = PortableCalls.Open(path);
        state = default;
        real = handle.IsInvalid ? null : PortableCalls.Inspect(handle, out state);

        // Below the root, the place must be the one that was meant. The root is where the operator says.
        var fine = real is not null && (volume is null || (state.Volume == volume && Is(real, path)));
        return Keep(fine ? DiskFault.None : DiskFault.Missing, ref handle);
    }

    // The disk may spell a name with other case or in decomposed form; a link would be another name altogether.
    private static bool Is(string? real, string meant) =>
        real is not null && string.Equals(real.Normalize(), meant.Normalize(), StringComparison.OrdinalIgnoreCase);

    private static DiskFault Try(Action action)
    {
        try
        {
            action();
            return DiskFault.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DiskFaults.From(e);
        }
    }

    private string At(string text) => Path.Join(_path, text.Replace('/', Path.DirectorySeparatorChar));
}
