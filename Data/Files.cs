using System.Text;

namespace McpFilesServer.Data;

/// <summary>Text of a file, and what of the file it is.</summary>
internal sealed record TextPart(AnswerMemory.PooledText Text, TextGiven Given);

/// <summary>Describes text that was given.</summary>
/// <param name="Path">The file, relative to the project.</param>
/// <param name="Etag">The version that was read.</param>
/// <param name="Size">The file's size in bytes.</param>
/// <param name="Lines">How many lines were given.</param>
/// <param name="Encoding">How the file keeps its text: utf-8, utf-8-bom, utf-16le or utf-16be.</param>
/// <param name="Cut">Whether the text was cut before the end (for a tail: after the beginning) of what was asked for.</param>
internal sealed record TextGiven(string Path, string Etag, long Size, int Lines, string Encoding, bool Cut)
{
    /// <summary>How the lines that were given end: lf, crlf or mixed; left out when there is only one.</summary>
    public string? LineEnding { get; init; }

    /// <summary>The first line that was given; the file's first is 1. Left out for a tail, before which nobody counted.</summary>
    public int? FirstLine { get; init; }

    /// <summary>The last line that was given; one less than the first when there was none.</summary>
    public int? LastLine { get; init; }

    /// <summary>How many invisible characters stand as a visible sign in the text, if any: see <see cref="VisibleText"/>.</summary>
    public int? ReplacedCharacters { get; init; }
}

/// <summary>Reads what is in a project's folder. Who may do so has been decided before.</summary>
internal sealed partial class Files(FilesOptions options)
{
    /// <summary>Reads text, all of it or a range of lines, never more than <see cref="FilesOptions.MaxTextBytes"/>.</summary>
    /// <exception cref="ProblemException">There is no such file, it is not text, or it is too large to be given whole.</exception>
    public async Task<TextPart> ReadTextAsync(Place place, string path, LineRange range, AnswerMemory memory, CancellationToken cancellationToken)
    {
        using var file = place.Folder.OpenRead(place.Path(path));
        if (range.IsWhole && file.Entry.Size > options.MaxTextBytes)
        {
            throw new ProblemException(
                $"{DiskFaults.Quote(place.Path(path))} has {file.Entry.Size} bytes, and one call gives at most {options.MaxTextBytes}. Read a part of it with head, tail, or start_line and end_line.");
        }

        await memory.ReserveAsync(Math.Min(file.Entry.Size!.Value, options.MaxTextBytes), cancellationToken);
        return ReadText(file, place.Path(path), range, options.MaxTextBytes, memory, cancellationToken);
    }

    /// <summary>Reads several text files whole, as far as they are text and fit into <see cref="FilesOptions.MaxTextBytes"/> together.</summary>
    /// <returns>For each path its text, or the sentence that says why there is none.</returns>
    public async Task<IReadOnlyList<(string Path, TextPart? Part, string? Problem)>> ReadTextsAsync(
        Place place, IReadOnlyList<string> paths, AnswerMemory memory, CancellationToken cancellationToken)
    {
        await memory.ReserveAsync(options.MaxTextBytes, cancellationToken);
        var (left, parts) = ((long)options.MaxTextBytes, new List<(string, TextPart?, string?)>(paths.Count));
        foreach (var path in paths)
        {
            try
            {
                var part = ReadWhole(place, place.Path(path), left, memory, cancellationToken);
                left -= part.Given.Size;
                parts.Add((part.Given.Path, part, null));
            }
            catch (ProblemException e)
            {
                parts.Add((path, null, e.Message));
            }
        }

        return parts;
    }

    /// <summary>Opens a file that is to be sent elsewhere.</summary>
    /// <exception cref="ProblemException">There is no such file, or it is larger than <see cref="FilesOptions.MaxFileBytes"/>.</exception>
    public OpenedFile OpenToExport(Place place, string path)
    {
        var file = place.Folder.OpenRead(place.Path(path));
        if (file.Entry.Size <= options.MaxFileBytes)
        {
            return file;
        }

        file.Dispose();
        throw new ProblemException($"{DiskFaults.Quote(place.Path(path))} has {file.Entry.Size} bytes, and at most {options.MaxFileBytes} can be exported.");
    }

    private static TextPart ReadWhole(Place place, ProjectPath path, long maxBytes, AnswerMemory memory, CancellationToken cancellationToken)
    {
        using var file = place.Folder.OpenRead(path);
        return file.Entry.Size <= maxBytes
            ? ReadText(file, path, LineRange.Of(null, null, null, null), (int)maxBytes, memory, cancellationToken)
            : throw new ProblemException($"{DiskFaults.Quote(path)} has {file.Entry.Size} bytes, and there is room for {maxBytes} more in this answer. Read it in a call of its own.");
    }

    /// <summary>Reads a file as bytes, whole.</summary>
    /// <exception cref="ProblemException">There is no such file, or it is larger than <see cref="FilesOptions.MaxMediaBytes"/>.</exception>
    public async Task<Media> ReadMediaAsync(Place place, string path, AnswerMemory memory, CancellationToken cancellationToken)
    {
        using var file = place.Folder.OpenRead(place.Path(path));
        if (file.Entry.Size > options.MaxMediaBytes)
        {
            throw new ProblemException(
                $"{DiskFaults.Quote(place.Path(path))} has {file.Entry.Size} bytes, and one call gives at most {options.MaxMediaBytes} of a file that is not text.");
        }

        await memory.ReserveAsync(file.Entry.Size!.Value, cancellationToken);
        return Media.Read(file);
    }

    private static TextPart ReadText(OpenedFile file, ProjectPath path, LineRange range, int maxBytes, AnswerMemory memory, CancellationToken cancellationToken)
    {
        try
        {
            return TextLines.Read(file, range, maxBytes, memory, cancellationToken);
        }
        catch (DecoderFallbackException)
        {
            throw new ProblemException($"{DiskFaults.Quote(path)} is not a text file in UTF-8 or UTF-16. read_media_file gives it as it is.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskFaults.WhenReading(DiskFaults.From(e), path);
        }
    }
}
