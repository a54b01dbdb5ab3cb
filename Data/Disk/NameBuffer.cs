using System.Buffers;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>Some of the names in a directory, as one question to the disk gave them: bytes of UTF-8 or whatever else is there. Used again and again.</summary>
internal sealed class NameBuffer : IDisposable
{
    private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(64 * 1024);
    private readonly List<(int Start, int Length, FileKind? Kind)> _names = [];

    public int Count => _names.Count;

    /// <summary>Where the names are put.</summary>
    public Span<byte> Room => _bytes;

    /// <summary>Whether there was no room for more, so that more of the directory is likely to follow.</summary>
    public bool IsFull { get; set; }

    public ReadOnlySpan<byte> this[int index] => _bytes.AsSpan(_names[index].Start, _names[index].Length);

    /// <summary>What a name stands for, as far as the directory itself says; null where it does not.</summary>
    public FileKind? KindOf(int index) => _names[index].Kind;

    public string TextOf(int index) => Encoding.UTF8.GetString(this[index]);

    public void Clear() => _names.Clear();

    public void Add(int start, int length, FileKind? kind) => _names.Add((start, length, kind));

    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);
}
