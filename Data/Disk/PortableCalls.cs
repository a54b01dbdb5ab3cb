using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// The few system calls of Windows and macOS that .NET does not offer: open without waiting or following the last link, and ask a handle what it
/// is and where it really is. These were written from the systems' headers and have not been run on them yet; they fail closed.
/// </summary>
internal static unsafe partial class PortableCalls
{
    private const int MaxPath = 32768;

    /// <summary>Opens a file or directory for reading.</summary>
    public static SafeFileHandle Open(string path) =>
        OperatingSystem.IsWindows() ? OpenOnWindows(path) : new(OpenOnMac(path, MacReadNonBlockingNoTerminalNoLinksCloseOnExec), ownsHandle: true);

    /// <summary>What a handle is, and its path without any link; null when the system does not say.</summary>
    public static string? Inspect(SafeFileHandle handle, out FileState state)
    {
        state = default;
        return OperatingSystem.IsWindows() ? InspectOnWindows(handle, out state)
            : OperatingSystem.IsMacOS() ? InspectOnMac(handle, out state)
            : null;
    }

    [SupportedOSPlatform("windows")]
    private static SafeFileHandle OpenOnWindows(string path)
    {
        const uint genericRead = 0x80000000, shareReadWrite = 3, shareDelete = 4, openExisting = 3, backupSemantics = 0x02000000, openReparsePoint = 0x00200000;

        // A directory is not shared for deletion: while it is held, nobody can move it away and put another in its place.
        var share = Directory.Exists(path) ? shareReadWrite : shareReadWrite | shareDelete;
        return CreateFile(path, genericRead, share, 0, openExisting, backupSemantics | openReparsePoint, 0);
    }

    [SupportedOSPlatform("windows")]
    private static string? InspectOnWindows(SafeFileHandle handle, out FileState state)
    {
        const uint directory = 0x10, reparsePoint = 0x400, diskFile = 1;
        const long ticksTo1970 = 11_644_473_600 * TimeSpan.TicksPerSecond;
        state = default;
        var path = new char[MaxPath];
        var length = GetFinalPathName(handle, path, MaxPath, 0);
        if (length is 0 or >= MaxPath || GetFileType(handle) != diskFile || !GetFileInformation(handle, out var info))
        {
            return null;
        }

        var modified = (long)info.Written - ticksTo1970;
        var time = new FileTime(modified / TimeSpan.TicksPerSecond, (uint)(modified % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick));
        var kind = (info.Attributes & reparsePoint) != 0 ? FileKind.Other : (info.Attributes & directory) != 0 ? FileKind.Directory : FileKind.File;
        state = new(kind, info.Volume, Join(info.IndexHigh, info.IndexLow), info.Links, (long)Join(info.SizeHigh, info.SizeLow), UnixFileMode.None, time, time);
        return new(path, 0, (int)length);
    }

    private static ulong Join(uint high, uint low) => ((ulong)high << 32) | low;

    [SupportedOSPlatform("macos")]
    private static string? InspectOnMac(SafeFileHandle handle, out FileState state)
    {
        const int vnodePath = 2; // PROC_PIDFDVNODEPATHINFO
        state = default;
        if (DescribeDescriptor(Environment.ProcessId, handle, vnodePath, out var info, sizeof(MacVnode)) != sizeof(MacVnode))
        {
            return null;
        }

        state = new(
            (info.Mode & 0xF000) switch { 0x8000 => FileKind.File, 0x4000 => FileKind.Directory, _ => FileKind.Other },
            info.Device, info.Inode, info.Links, info.Size, (UnixFileMode)(info.Mode & 0x1FF),
            new(info.ModifiedSeconds, (uint)info.ModifiedNanoseconds), new(info.ChangedSeconds, (uint)info.ChangedNanoseconds));
        return Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(info.Path));
    }

    // O_NONBLOCK, O_NOCTTY, O_CLOEXEC and O_NOFOLLOW_ANY, which refuses a link in any component.
    private const int MacReadNonBlockingNoTerminalNoLinksCloseOnExec = 0x4 | 0x20000 | 0x1000000 | 0x20000000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenOnMac(string path, int flags);

    [LibraryImport("libproc", EntryPoint = "proc_pidfdinfo", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int DescribeDescriptor(int process, SafeFileHandle descriptor, int flavor, out MacVnode info, int size);

    [LibraryImport("kernel32", EntryPoint = "CreateFileW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial SafeFileHandle CreateFile(string path, uint access, uint share, nint security, uint disposition, uint flags, nint template);

    [LibraryImport("kernel32", EntryPoint = "GetFinalPathNameByHandleW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint GetFinalPathName(SafeFileHandle handle, [Out] char[] path, uint size, uint flags);

    [LibraryImport("kernel32", EntryPoint = "GetFileType")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial uint GetFileType(SafeFileHandle handle);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandle", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetFileInformation(SafeFileHandle handle, out WindowsInformation information);

    /// <summary>BY_HANDLE_FILE_INFORMATION; the times are not aligned to eight bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 52, Pack = 4)]
    private struct WindowsInformation
    {
        [FieldOffset(0)] public uint Attributes;
        [FieldOffset(20)] public ulong Written;
        [FieldOffset(28)] public uint Volume;
        [FieldOffset(32)] public uint SizeHigh;
        [FieldOffset(36)] public uint SizeLow;
        [FieldOffset(40)] public uint Links;
        [FieldOffset(44)] public uint IndexHigh;
        [FieldOffset(48)] public uint IndexLow;
    }

    /// <summary>struct vnode_fdinfowithpath.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 1200)]
    private struct MacVnode
    {
        [FieldOffset(24)] public uint Device;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(30)] public ushort Links;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(64)] public long ModifiedSeconds;
        [FieldOffset(72)] public long ModifiedNanoseconds;
        [FieldOffset(80)] public long ChangedSeconds;
        [FieldOffset(88)] public long ChangedNanoseconds;
        [FieldOffset(112)] public long Size;
        [FieldOffset(176)] public fixed byte Path[1024];
    }
}
