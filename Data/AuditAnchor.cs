using System.Globalization;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// The head of the chain in a file of its own: without it, whoever cuts records off the end of the database leaves a chain that is whole. It is written after the
/// commit, so it may be behind the database after a crash and never ahead of it.
/// </summary>
internal sealed class AuditAnchor(string file) : IDisposable
{
    // One line of a fixed length, so that a new head covers the old one in one write.
    private const int LineLength = 19 + 1 + 64 + 1;

    private readonly FileStream _stream = new(file, Database.OwnerOnly(FileMode.OpenOrCreate));

    /// <summary>The head as it was written last; null when none ever was, or the file is no anchor.</summary>
    public Link? Read()
    {
        var line = new byte[LineLength];
        return RandomAccess.Read(_stream.SafeFileHandle, line, 0) == LineLength
            && Encoding.ASCII.GetString(line).TrimEnd('\n').Split(' ') is [var sequence, { Length: 64 } hash]
            && long.TryParse(sequence, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new Link(number, hash) : null;
    }

    /// <summary>Copies an anchor, if it is one.</summary>
    public static void Copy(string file, string copy)
    {
        using var source = new AuditAnchor(file);
        using var target = new AuditAnchor(copy);
        if (source.Read() is { } head)
        {
            target.Write(head);
        }
    }

    /// <summary>Writes the head.</summary>
    public void Write(Link head) =>
        RandomAccess.Write(_stream.SafeFileHandle, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{head.Sequence:D19} {head.Hash}\n")), 0);

    public void Dispose() => _stream.Dispose();
}
