using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace McpFilesServer.Data;

/// <summary>What a name stands for. Everything that is neither a regular file nor a directory is Other, and answers as if it were missing.</summary>
internal enum FileKind
{
    Other,
    File,
    Directory,
}

/// <summary>A moment as file systems keep it: seconds since 1970 and nanoseconds.</summary>
internal readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    public static FileTime From(DateTimeOffset time) =>
        new(time.ToUnixTimeSeconds(), (uint)(time.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick));

    // A file may claim to be older or younger than .NET can say.
    public DateTimeOffset ToTime() => DateTimeOffset
        .FromUnixTimeSeconds(Math.Clamp(Seconds, DateTimeOffset.MinValue.ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 1))
        .AddTicks(Nanoseconds / TimeSpan.NanosecondsPerTick);
}

/// <summary>What the operating system says about a file or directory.</summary>
/// <param name="Kind">What it is; Other is never shown.</param>
/// <param name="Volume">The device it is on.</param>
/// <param name="Id">Its number on that device (the inode).</param>
/// <param name="Links">How many names it has.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">Its permissions; None where the system has none.</param>
/// <param name="Modified">When its content last changed.</param>
/// <param name="Changed">When anything about it last changed (ctime), which unlike Modified cannot be set back.</param>
internal readonly record struct FileState(
    FileKind Kind, ulong Volume, ulong Id, uint Links, long Size, UnixFileMode Mode, FileTime Modified, FileTime Changed)
{
    /// <summary>The number of the user who owns it; zero where the system has none.</summary>
    public uint Owner { get; init; }

    /// <summary>The number of its group.</summary>
    public uint Group { get; init; }

    /// <summary>Sixteen characters that differ when the file is another one or has changed.</summary>
    public string Etag
    {
        get
        {
            Span<byte> facts = stackalloc byte[48];
            BinaryPrimitives.WriteUInt64LittleEndian(facts, Volume);
            BinaryPrimitives.WriteUInt64LittleEndian(facts[8..], Id);
            BinaryPrimitives.WriteInt64LittleEndian(facts[16..], Size);
            BinaryPrimitives.WriteInt64LittleEndian(facts[24..], Modified.Seconds);
            BinaryPrimitives.WriteUInt32LittleEndian(facts[32..], Modified.Nanoseconds);
            BinaryPrimitives.WriteInt64LittleEndian(facts[36..], Changed.Seconds);
            BinaryPrimitives.WriteUInt32LittleEndian(facts[44..], Changed.Nanoseconds);
            return Base64Url.EncodeToString(SHA256.HashData(facts).AsSpan(0, 12));
        }
    }
}
