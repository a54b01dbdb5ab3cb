using System.Text;

namespace McpFilesServer.Data;

/// <summary>The whole of a file, for those who cannot ask for a part.</summary>
/// <param name="Entry">The file that was read.</param>
/// <param name="Bytes">Its content.</param>
/// <param name="Text">The same as text; null when it is none.</param>
internal sealed record FileContent(FileEntry Entry, ReadOnlyMemory<byte> Bytes, string? Text)
{
    /// <summary>Reads a file, or nothing of it when it is larger than this.</summary>
    /// <returns>Null when it is.</returns>
    /// <exception cref="ProblemException">There is no such file.</exception>
    public static async Task<FileContent?> ReadAsync(Place place, ProjectPath path, int maxBytes, CancellationToken cancellationToken)
    {
        using var file = place.Folder.OpenRead(path);
        if (file.Entry.Size > maxBytes)
        {
            return null;
        }

        // One more than it had: it may be growing while it is read.
        var bytes = new byte[(int)file.Entry.Size!.Value + 1];
        await using var stream = file.AsStream();
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        var content = bytes.AsMemory(0, Math.Min(length, bytes.Length - 1));
        return new FileContent(file.Entry, content, Decoded(content.Span));
    }

    /// <summary>UTF-8, or UTF-16 when a byte order mark says so. A NUL or a broken sequence means that it is no text.</summary>
    private static string? Decoded(ReadOnlySpan<byte> bytes)
    {
        Encoding encoding = bytes switch
        {
            [0xFF, 0xFE, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
            [0xFE, 0xFF, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
            _ => new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true),
        };
        try
        {
            var text = encoding.GetString(bytes.StartsWith(encoding.Preamble) ? bytes[encoding.Preamble.Length..] : bytes);
            return text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
