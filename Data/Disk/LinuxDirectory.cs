using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// A directory held by its handle. Where the kernel has openat2 and the container allows it, one call resolves a path under the strictest rules;
/// elsewhere each component is opened from the one before, following no link, and its mount is compared with the project's.
/// </summary>
internal sealed partial class LinuxDirectory : HeldDirectory
{
    private readonly SafeFileHandle _handle;
    private readonly bool _walk;
    private readonly ulong _mount;

    private LinuxDirectory(SafeFileHandle handle, bool walk, FileState state, ulong mount)
    {
        (_handle, _walk, State, _mount) = (handle, walk, state, mount);
    }

    public override FileState State { get; }

    public static new DiskFault OpenRoot(string absoluteRoot, bool withoutOpenAt2, out HeldDirectory? held)
    {
        const int here = LinuxCalls.CurrentDirectory;
        var flags = LinuxCalls.ReadOnly | LinuxCalls.DirectoryOnly | LinuxCalls.NoFollow | LinuxCalls.CloseOnExec;
        var handle = Own(LinuxCalls.Open(here, absoluteRoot, flags, 0), out var fault);
        held = null;
        if (handle is not null && (fault = Inspect(handle, "", out var state, out var mount)) == DiskFault.None)
        {
            held = new LinuxDirectory(handle, withoutOpenAt2 || !HasOpenAt2, state, mount);
        }

        return Keep(fault, ref handle);
    }

    public override DiskFault Open(ProjectPath path, out HeldDirectory? held)
    {
        held = null;
        var fault = OpenBeneath(path.Text, LinuxCalls.ReadOnly | LinuxCalls.DirectoryOnly, out var handle, out var state);
        if (handle is not null)
        {
            held = new LinuxDirectory(handle, _walk, state, _mount);
        }

        return fault;
    }

    // Without O_NONBLOCK, opening a FIFO would wait for its other end.
    public override DiskFault OpenFile(string name, out SafeFileHandle? handle, out FileState state) =>
        OpenBeneath(name, LinuxCalls.ReadOnly | LinuxCalls.NonBlocking | LinuxCalls.NoTerminal, out handle, out state);

    public override DiskFault CreateFile(string name, UnixFileMode mode, out SafeFileHandle? handle)
    {
        var flags = LinuxCalls.WriteOnly | LinuxCalls.Create | LinuxCalls.Exclusive | LinuxCalls.NoFollow | LinuxCalls.CloseOnExec;
        handle = Own(LinuxCalls.Open(_handle, name, flags, (uint)mode), out var fault);
        return fault;
    }

    public override DiskFault OpenDirectory(string name, out HeldDirectory? held)
    {
        var fault = OpenBeneath(name, LinuxCalls.ReadOnly | LinuxCalls.DirectoryOnly, out var handle, out var state);
        held = handle is null ? null : new LinuxDirectory(handle, _walk, state, _mount);
        return fault;
    }

    public override DiskFault CreateDirectory(string name, UnixFileMode mode) => Answer(LinuxCalls.MakeDirectory(_handle, name, (uint)mode));

    public override DiskFault Resemble(SafeFileHandle handle, FileState other)
    {
        const uint asItIs = uint.MaxValue;
        var fault = Inspect(handle, out var state);
        if (fault != DiskFault.None)
        {
            return fault;
        }

        // Only root gives files away; their group may be another one that the server is in. The owner before the permissions, which a change of owner cuts.
        if ((state.Owner != other.Owner || state.Group != other.Group) && LinuxCalls.ChangeOwner(handle, other.Owner, other.Group) < 0)
        {
            _ = LinuxCalls.ChangeOwner(handle, asItIs, other.Group);
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(handle, other.Mode);
        }

        return DiskFault.None;
    }

    public override DiskFault Inspect(string name, out FileState state) => InMount(Inspect(_handle, name, out state, out var mount), mount);

    public override DiskFault Inspect(SafeFileHandle handle, out FileState state) => InMount(Inspect(handle, "", out state, out var mount), mount);

    public override DiskFault ReadNames(int max, out List<string> names)
    {
        names = [];
        var buffer = new byte[32 * 1024];
        int length;
        while ((length = LinuxCalls.GetDirectoryEntries(_handle, buffer)) > 0)
        {
            // struct linux_dirent64: inode (8 bytes), offset (8), length of this record (2), type (1), name, zeros.
            for (ReadOnlySpan<byte> rest = buffer.AsSpan(0, length); rest.Length > 0; rest = rest[BinaryPrimitives.ReadUInt16LittleEndian(rest[16..])..])
            {
                var name = rest[19..BinaryPrimitives.ReadUInt16LittleEndian(rest[16..])];
                name = name[..name.IndexOf((byte)0)];
                if (names.Count == max)
                {
                    return DiskFault.None;
                }

                // A name that is not UTF-8 has no spelling that a caller could use.
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8) && Utf8.IsValid(name))
                {
                    names.Add(Encoding.UTF8.GetString(name));
                }
            }
        }

        return Answer(length);
    }

    public override DiskFault Rename(string from, HeldDirectory target, string to, bool replace)
    {
        var there = ((LinuxDirectory)target)._handle;
        var fault = Answer(LinuxCalls.Rename(_handle, from, there, to, replace ? 0 : LinuxCalls.RenameNoReplace));

        // EINVAL and ENOSYS are the file systems (some network ones) that cannot rename without replacing. A link cannot replace either.
        if (!replace && Marshal.GetLastPInvokeError() is 22 or 38 && fault == DiskFault.Failed)
        {
            fault = Answer(LinuxCalls.Link(_handle, from, there, to, 0));
            return fault == DiskFault.None ? Remove(from) : fault;
        }

        return fault;
    }

    public override DiskFault Exchange(string name, HeldDirectory target, string other)
    {
        var fault = Answer(LinuxCalls.Rename(_handle, name, ((LinuxDirectory)target)._handle, other, LinuxCalls.RenameExchange));
        return fault == DiskFault.Failed && Marshal.GetLastPInvokeError() is 22 or 38 ? DiskFault.NotOffered : fault; // EINVAL ENOSYS
    }

    public override DiskFault Remove(string name) => Answer(LinuxCalls.Unlink(_handle, name, 0));

    // EINVAL: the file system has nothing to flush for a directory.
    public override DiskFault Flush() =>
        Answer(LinuxCalls.Flush(_handle)) is var fault && Marshal.GetLastPInvokeError() == 22 ? DiskFault.None : fault;

    protected override void Dispose(bool disposing) => _handle.Dispose();

    // What is mounted inside a project is not the project's. A bind mount can have the same device, so the mount's own number decides.
    private DiskFault InMount(DiskFault fault, ulong mount) => fault == DiskFault.None && mount != _mount ? DiskFault.Elsewhere : fault;

    private static DiskFault Inspect(SafeFileHandle handle, string name, out FileState state, out ulong mount)
    {
        var flags = LinuxCalls.StatNoFollow | LinuxCalls.StatNoAutomount | (name.Length == 0 ? LinuxCalls.StatHandle : 0);
        var fault = Answer(LinuxCalls.Stat(handle, name, flags, out var stat));
        var device = ((ulong)stat.DeviceMajor << 32) | stat.DeviceMinor;
        mount = (stat.Mask & LinuxCalls.StatMount) != 0 ? stat.Mount : device; // before Linux 5.8 the device has to do
        state = new(
            (stat.Mode & 0xF000) switch { 0x8000 => FileKind.File, 0x4000 => FileKind.Directory, _ => FileKind.Other },
            device, stat.Inode, stat.Links, (long)stat.Size, (UnixFileMode)(stat.Mode & 0x1FF),
            new(stat.ModifiedSeconds, stat.ModifiedNanoseconds), new(stat.ChangedSeconds, stat.ChangedNanoseconds))
        {
            Owner = stat.Owner,
            Group = stat.Group,
        };
        return fault;
    }

    private static SafeFileHandle? Own(int descriptor, out DiskFault fault)
    {
        fault = Answer(descriptor);
        return fault == DiskFault.None ? new(descriptor, ownsHandle: true) : null;
    }

    private static DiskFault Answer(int result) => result >= 0 ? DiskFault.None : DiskFaults.FromErrno(Marshal.GetLastPInvokeError());
}
