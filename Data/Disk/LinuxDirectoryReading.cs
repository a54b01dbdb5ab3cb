using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <content>What a walk through many directories asks for, with as few calls and as little memory as it can be had.</content>
internal sealed partial class LinuxDirectory
{
    public override DiskFault ReadSome(NameBuffer names)
    {
        names.Clear();
        var room = names.Room;
        var length = LinuxCalls.GetDirectoryEntries(_handle, room);
        names.IsFull = length > room.Length - 1024;

        // struct linux_dirent64: inode (8 bytes), offset (8), length of this record (2), type (1), name, zeros.
        for (var start = 0; start < length;)
        {
            var record = room[start..length];
            var size = BinaryPrimitives.ReadUInt16LittleEndian(record[16..]);
            var name = record[19..size];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                names.Add(start + 19, name.Length, record[18] switch { 0 => null, 4 => FileKind.Directory, 8 => FileKind.File, _ => FileKind.Other });
            }

            start += size;
        }

        return Answer(length);
    }

    public override int Read(SafeFileHandle handle, Span<byte> buffer, long offset) => LinuxCalls.Read(handle, buffer, offset);
}
