using System.Text;

namespace McpFilesServer.Data;

/// <summary>How the text of a file is kept: found out from its first bytes, and used to find lines in it without decoding them.</summary>
/// <param name="Name">What it is called: utf-8, utf-8-bom, utf-16le or utf-16be.</param>
/// <param name="Decoder">Throws for what is no text.</param>
/// <param name="Mark">How many bytes the byte order mark takes.</param>
internal sealed record TextEncoding(string Name, Encoding Decoder, int Mark)
{
    private static readonly TextEncoding Utf8 = new("utf-8", new UTF8Encoding(false, throwOnInvalidBytes: true), 0);
    private static readonly TextEncoding Little = new("utf-16le", new UnicodeEncoding(false, false, throwOnInvalidBytes: true), 0);
    private static readonly TextEncoding Big = new("utf-16be", new UnicodeEncoding(true, false, throwOnInvalidBytes: true), 0);

    /// <summary>How many bytes a unit of it has: 1 or 2.</summary>
    public int Unit => ReferenceEquals(Decoder, Utf8.Decoder) ? 1 : 2;

    /// <summary>The encoding of a file that begins so. Without a byte order mark it is UTF-8, unless every second byte is zero and no other: then UTF-16.</summary>
    public static TextEncoding Of(ReadOnlySpan<byte> start) => start switch
    {
        [0xEF, 0xBB, 0xBF, ..] => Utf8 with { Name = "utf-8-bom", Mark = 3 },
        [0xFF, 0xFE, ..] => Little with { Mark = 2 },
        [0xFE, 0xFF, ..] => Big with { Mark = 2 },
        _ when IsAlternating(start, zeroFirst: false) => Little,
        _ when IsAlternating(start, zeroFirst: true) => Big,
        _ => Utf8,
    };

    /// <summary>The text of these bytes, whole characters of it.</summary>
    /// <exception cref="DecoderFallbackException">They are no text: a broken sequence, or a NUL, which no text file has.</exception>
    public string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = Decoder.GetString(bytes);
        return text.Contains('\0', StringComparison.Ordinal) ? throw new DecoderFallbackException() : text;
    }

    /// <summary>Where the next line feed begins; -1 when there is none. The bytes begin at a unit.</summary>
    public int NextLine(ReadOnlySpan<byte> bytes) => Unit == 1 ? bytes.IndexOf((byte)'\n') : Find(bytes, bytes.IndexOf(LineFeed));

    /// <summary>Where the last line feed begins; -1 when there is none. The bytes begin at a unit.</summary>
    public int LastLine(ReadOnlySpan<byte> bytes)
    {
        if (Unit == 1)
        {
            return bytes.LastIndexOf((byte)'\n');
        }

        var at = bytes.LastIndexOf(LineFeed);
        while (at > 0 && at % 2 != 0)
        {
            at = bytes[..(at + 1)].LastIndexOf(LineFeed);
        }

        return at % 2 == 0 ? at : -1;
    }

    /// <summary>How many of these bytes are whole characters: the rest is the beginning of one that was cut.</summary>
    public int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        if (Unit == 2)
        {
            var whole = bytes.Length & ~1;
            return whole >= 2 && (bytes[Big == this with { Mark = 0 } ? whole - 2 : whole - 1] & 0xFC) == 0xD8 ? whole - 2 : whole;
        }

        for (var back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            var lead = bytes[^back];
            if (lead >= 0xC0)
            {
                var length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
                return back < length ? bytes.Length - back : bytes.Length;
            }
        }

        return bytes.Length;
    }

    /// <summary>How many of these bytes are the end of a character whose beginning was cut.</summary>
    public int CutCharacter(ReadOnlySpan<byte> bytes)
    {
        if (Unit == 2)
        {
            return bytes.Length >= 2 && (bytes[Big == this with { Mark = 0 } ? 0 : 1] & 0xFC) == 0xDC ? 2 : 0;
        }

        var cut = 0;
        while (cut < Math.Min(3, bytes.Length) && (bytes[cut] & 0xC0) == 0x80)
        {
            cut++;
        }

        return cut;
    }

    private ReadOnlySpan<byte> LineFeed => ReferenceEquals(Decoder, Big.Decoder) ? [0, (byte)'\n'] : [(byte)'\n', 0];

    // The two bytes of a line feed may also be the halves of two other units.
    private int Find(ReadOnlySpan<byte> bytes, int at)
    {
        while (at >= 0 && at % 2 != 0)
        {
            var next = bytes[(at + 1)..].IndexOf(LineFeed);
            at = next < 0 ? -1 : at + 1 + next;
        }

        return at;
    }

    private static bool IsAlternating(ReadOnlySpan<byte> start, bool zeroFirst)
    {
        var looked = Math.Min(start.Length & ~1, 256);
        for (var i = 0; i < looked; i++)
        {
            if (start[i] == 0 != (i % 2 == 0 == zeroFirst))
            {
                return false;
            }
        }

        return looked >= 4;
    }
}
