using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// The system calls of Linux that .NET does not offer. The newer ones go through <c>syscall</c>, because not every C library has a function for
/// them. Every answer below zero leaves its error number in <see cref="Marshal.GetLastPInvokeError"/>.
/// </summary>
internal static unsafe partial class LinuxCalls
{
    public const int CurrentDirectory = -100; // AT_FDCWD

    // open(2). The two in the middle are the ones that differ between architectures.
    public const int ReadOnly = 0;
    public const int WriteOnly = 0x1;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NoTerminal = 0x100;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int PathOnly = 0x200000;

    // openat2(2): beneath the directory handle, no links of any kind, no mount points.
    public const ulong ResolveStrictly = NoCrossDevice | NoMagicLinks | NoSymbolicLinks | Beneath;
    private const ulong NoCrossDevice = 0x01;
    private const ulong NoMagicLinks = 0x02;
    private const ulong NoSymbolicLinks = 0x04;
    private const ulong Beneath = 0x08;

    // statx(2)
    public const int StatNoFollow = 0x100;
    public const int StatNoAutomount = 0x800;
    public const int StatHandle = 0x1000; // AT_EMPTY_PATH
    public const uint StatBasic = 0x7ff;
    public const uint StatMount = 0x1000;

    public const int RemoveDirectory = 0x200; // AT_REMOVEDIR

    // renameat2(2)
    public const uint RenameNoReplace = 1;
    public const uint RenameExchange = 2;

    private const DllImportSearchPath Where = DllImportSearchPath.SafeDirectories;

    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static readonly int DirectoryOnly = IsArm ? 0x4000 : 0x10000;
    public static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;

    private static readonly nint GetDirectoryEntriesNumber = IsArm ? 61 : 217;
    private static readonly nint RenameAt2Number = IsArm ? 276 : 316;
    private static readonly nint StatxNumber = IsArm ? 291 : 332;
    private const nint OpenAt2Number = 437;

    public static nint OpenAt2(SafeFileHandle directory, string path, in OpenHow how) =>
        OpenAt2(OpenAt2Number, directory, path, how, (nuint)sizeof(OpenHow));

    public static int Stat(SafeFileHandle directory, string name, int flags, out Statx result) =>
        (int)Stat(StatxNumber, directory, name, flags, StatBasic | StatMount, out result);

    public static int Rename(SafeFileHandle from, string name, SafeFileHandle to, string newName, uint flags) =>
        (int)Rename(RenameAt2Number, from, name, to, newName, flags);

    public static int GetDirectoryEntries(SafeFileHandle directory, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            return (int)GetDirectoryEntries(GetDirectoryEntriesNumber, directory, start, (nuint)buffer.Length);
        }
    }

    /// <summary>Reads at a place in a file, without the questions that .NET asks about a handle before its first read.</summary>
    public static int Read(SafeFileHandle handle, Span<byte> buffer, long offset)
    {
        fixed (byte* start = buffer)
        {
            return (int)Read(handle, start, (nuint)buffer.Length, offset);
        }
    }

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Open(int directory, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Open(SafeFileHandle directory, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Link(SafeFileHandle from, string name, SafeFileHandle to, string newName, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Unlink(SafeFileHandle directory, string name, int flags);

    // Names as the disk has them, ended by a zero: not every name is text.
    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Open(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int MakeDirectory(SafeFileHandle directory, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int ChangeOwner(SafeFileHandle handle, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    public static partial int Flush(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    private static partial nint OpenAt2(nint number, SafeFileHandle directory, string path, in OpenHow how, nuint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    private static partial nint Stat(nint number, SafeFileHandle directory, string name, nint flags, nuint mask, out Statx result);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Where)]
    private static partial nint Rename(nint number, SafeFileHandle from, string name, SafeFileHandle to, string newName, nuint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    private static partial nint GetDirectoryEntries(nint number, SafeFileHandle directory, byte* buffer, nuint size);

    // Only for 64-bit systems, where off_t has one size; the others are not served.
    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    [DefaultDllImportSearchPaths(Where)]
    private static partial nint Read(SafeFileHandle handle, byte* buffer, nuint size, long offset);

    /// <summary>struct open_how.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly record struct OpenHow(ulong Flags, ulong Mode, ulong Resolve);

    /// <summary>struct statx, which unlike struct stat is the same on every architecture. Only the members that are read.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct Statx
    {
        [FieldOffset(0)] public uint Mask;
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint Owner;
        [FieldOffset(24)] public uint Group;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(96)] public long ChangedSeconds;
        [FieldOffset(104)] public uint ChangedNanoseconds;
        [FieldOffset(112)] public long ModifiedSeconds;
        [FieldOffset(120)] public uint ModifiedNanoseconds;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
        [FieldOffset(144)] public ulong Mount;
    }
}
