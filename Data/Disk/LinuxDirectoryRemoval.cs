using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace McpFilesServer.Data;

/// <content>Removing a directory with all that is in it, by handle: no link is followed and no mount is entered.</content>
internal sealed partial class LinuxDirectory
{
    // Each level holds a handle. A tree that is deeper than this was not made through this server.
    private const int MaxRemovalDepth = 500;

    public override DiskFault RemoveTree(string name) => RemoveTree(Encoding.UTF8.GetBytes(name + '\0'), 0);

    private DiskFault RemoveTree(ReadOnlySpan<byte> name, int depth)
    {
        var fault = Answer(LinuxCalls.Unlink(_handle, name, 0));
        if (fault is DiskFault.None or DiskFault.Missing)
        {
            return DiskFault.None;
        }

        // EISDIR; EPERM and EACCES are what other systems' file systems and other people's directories say.
        if (Marshal.GetLastPInvokeError() is not (21 or 1 or 13) || depth == MaxRemovalDepth)
        {
            return fault;
        }

        var flags = LinuxCalls.ReadOnly | LinuxCalls.DirectoryOnly | LinuxCalls.NoFollow | LinuxCalls.CloseOnExec;
        var handle = Own(LinuxCalls.Open(_handle, name, flags, 0), out var unopened);
        if (handle is null)
        {
            return unopened == DiskFault.Missing ? fault : unopened;
        }

        using (handle)
        {
            fault = Inspect(handle, out var state);
            using var inside = new LinuxDirectory(handle, _walk, state, _mount);
            fault = fault == DiskFault.None ? inside.RemoveAll(depth + 1) : fault;
        }

        fault = fault == DiskFault.None ? Answer(LinuxCalls.Unlink(_handle, name, LinuxCalls.RemoveDirectory)) : fault;
        return fault == DiskFault.Missing ? DiskFault.None : fault;
    }

    private DiskFault RemoveAll(int depth)
    {
        var buffer = new byte[8 * 1024];
        int length;
        while ((length = LinuxCalls.GetDirectoryEntries(_handle, buffer)) > 0)
        {
            for (ReadOnlySpan<byte> rest = buffer.AsSpan(0, length); rest.Length > 0; rest = rest[BinaryPrimitives.ReadUInt16LittleEndian(rest[16..])..])
            {
                var name = rest[19..BinaryPrimitives.ReadUInt16LittleEndian(rest[16..])];
                name = name[..(name.IndexOf((byte)0) + 1)];
                var fault = name.SequenceEqual(".\0"u8) || name.SequenceEqual("..\0"u8) ? DiskFault.None : RemoveTree(name, depth);
                if (fault != DiskFault.None)
                {
                    return fault;
                }
            }
        }

        return Answer(length);
    }
}
