using System.Text;

namespace McpFilesServer.Data;

/// <summary>How a text file spells its characters: UTF-8, or UTF-16 when a byte order mark says so.</summary>
/// <param name="Encoding">Throws for what is no text.</param>
/// <param name="Mark">The byte order mark; empty when there is none.</param>
internal sealed record TextFormat(Encoding Encoding, byte[] Mark)
{
    private static readonly TextFormat[] WithMark =
    [
        new(new UTF8Encoding(false, throwOnInvalidBytes: true), [0xEF, 0xBB, 0xBF]),
        new(new UnicodeEncoding(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true), [0xFF, 0xFE]),
        new(new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true), [0xFE, 0xFF]),
    ];

    /// <summary>What a new file is written in.</summary>
    public static TextFormat Default { get; } = WithMark[0] with { Mark = [] };

    /// <summary>The format of a file that starts so.</summary>
    public static TextFormat Of(ReadOnlySpan<byte> start)
    {
        foreach (var format in WithMark)
        {
            if (start.StartsWith(format.Mark))
            {
                return format;
            }
        }

        return Default;
    }

    /// <summary>Whether bytes cannot be text of this format: a NUL in what is not UTF-16.</summary>
    public bool IsBinary(ReadOnlySpan<byte> content) => Encoding is UTF8Encoding && content.Contains((byte)0);

    /// <summary>The text of a whole file, without the mark.</summary>
    /// <exception cref="ProblemException">It is no text.</exception>
    public string Decode(ReadOnlySpan<byte> content, ProjectPath path)
    {
        try
        {
            var text = Encoding.GetString(content[Mark.Length..]);
            return text.Contains('\0', StringComparison.Ordinal) ? throw NotText(path) : text;
        }
        catch (DecoderFallbackException)
        {
            throw NotText(path);
        }
    }

    /// <summary>Text as bytes, without the mark.</summary>
    /// <exception cref="ProblemException">It has a half of a surrogate pair.</exception>
    public byte[] Encode(string text)
    {
        try
        {
            return Encoding.GetBytes(text);
        }
        catch (EncoderFallbackException)
        {
            throw new ProblemException("The content is not valid text: it has a half of a surrogate pair.");
        }
    }

    public static ProblemException NotText(ProjectPath path) => new($"{DiskFaults.Quote(path)} is not a text file.");
}
