using Microsoft.AspNetCore.StaticFiles;

namespace McpFilesServer.Data;

/// <summary>What a client may do with bytes: show them, play them, or keep them.</summary>
internal enum MediaKind
{
    Image,
    Audio,
    Other,
}

/// <summary>A file as it is, whatever it is.</summary>
/// <param name="Entry">The file.</param>
/// <param name="Bytes">All of it.</param>
/// <param name="Kind">What it is, as its bytes say.</param>
/// <param name="MimeType">What to call it.</param>
internal sealed record Media(FileEntry Entry, byte[] Bytes, MediaKind Kind, string MimeType)
{
    private const string Unknown = "application/octet-stream";

    private static readonly FileExtensionContentTypeProvider Types = new();

    /// <summary>Reads an opened file whole.</summary>
    /// <exception cref="ProblemException">It changed while it was read.</exception>
    public static Media Read(OpenedFile file)
    {
        var bytes = new byte[file.Entry.Size!.Value];
        var filled = 0;
        int read;
        while (filled < bytes.Length && (read = RandomAccess.Read(file.Handle, bytes.AsSpan(filled), filled)) > 0)
        {
            filled += read;
        }

        if (filled < bytes.Length)
        {
            throw new ProblemException("The file was changed while it was read. Read it again.");
        }

        var (kind, type) = Recognise(bytes);
        return new Media(file.Entry, bytes, kind, type ?? TypeOf(file.Entry.Path));
    }

    /// <summary>What is shown or played is what its first bytes say, never what its name says: those formats only that carry no program.</summary>
    private static (MediaKind Kind, string? MimeType) Recognise(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => (MediaKind.Image, "image/png"),
        [0xFF, 0xD8, 0xFF, ..] => (MediaKind.Image, "image/jpeg"),
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => (MediaKind.Image, "image/gif"),
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => (MediaKind.Image, "image/webp"),
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'A', (byte)'V', (byte)'E', ..] => (MediaKind.Audio, "audio/wav"),
        [(byte)'f', (byte)'L', (byte)'a', (byte)'C', ..] => (MediaKind.Audio, "audio/flac"),
        [(byte)'O', (byte)'g', (byte)'g', (byte)'S', ..] => (MediaKind.Audio, "audio/ogg"),
        [(byte)'I', (byte)'D', (byte)'3', ..] or [0xFF, 0xFB or 0xFA or 0xF3 or 0xF2, ..] => (MediaKind.Audio, "audio/mpeg"),
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', (byte)'M', (byte)'4', (byte)'A', ..] => (MediaKind.Audio, "audio/mp4"),
        _ => (MediaKind.Other, null),
    };

    /// <summary>
    /// The rest goes by its name, but nothing is called what a browser would run (HTML, SVG and other XML, scripts), and nothing an image or a recording that is
    /// none of those above.
    /// </summary>
    private static string TypeOf(string path)
    {
        if (!Types.TryGetContentType(path, out var type))
        {
            return Unknown;
        }

        var isHarmless = type.StartsWith("font/", StringComparison.Ordinal) || type.StartsWith("video/", StringComparison.Ordinal)
            || type is "application/pdf" or "application/zip" or "application/x-zip-compressed" or "application/x-gzip" or "application/x-tar" or "application/msword"
                or "application/vnd.ms-excel" or "application/vnd.ms-powerpoint" or "application/rtf" or "application/json" or "application/epub+zip"
            || type.StartsWith("application/vnd.openxmlformats-officedocument.", StringComparison.Ordinal)
            || type.StartsWith("application/vnd.oasis.opendocument.", StringComparison.Ordinal);
        return isHarmless ? type : Unknown;
    }
}
