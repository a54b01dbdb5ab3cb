using System.Text;

namespace McpFilesServer.Data;

/// <summary>What one directory holds.</summary>
/// <param name="Path">The directory, relative to the project.</param>
/// <param name="Entries">Its files and directories.</param>
/// <param name="Truncated">Whether there are more than are listed.</param>
internal sealed record DirectoryListing(string Path, IReadOnlyList<FileEntry> Entries, bool Truncated);

/// <summary>Text of a file, and what of the file it is.</summary>
internal sealed record TextPart(string Text, TextGiven Given);

/// <summary>Describes text that was given.</summary>
/// <param name="Path">The file, relative to the project.</param>
/// <param name="Etag">The version that was read.</param>
/// <param name="Size">The file's size in bytes.</param>
/// <param name="FirstLine">The first line that was given; the file's first is 1.</param>
/// <param name="LastLine">The last line that was given; one less than the first when there was none.</param>
/// <param name="Cut">Whether the text was cut before the end of what was asked for.</param>
internal sealed record TextGiven(string Path, string Etag, long Size, int FirstLine, int LastLine, bool Cut);

/// <summary>Reads what is in a project's folder. Who may do so has been decided before.</summary>
internal sealed class Files(FilesOptions options)
{
    /// <summary>More entries than this are never read from one directory.</summary>
    private const int MaxScanned = 100_000;

    public static DirectoryListing List(Place place, string path, string sort, int limit)
    {
        var directory = place.Path(path);
        var found = place.Folder.List(directory, MaxScanned, out var cut);
        var sorted = sort switch
        {
            "size" => found.OrderByDescending(entry => entry.Size ?? -1).ThenBy(entry => entry.Path, StringComparer.Ordinal),
            "modified" => found.OrderByDescending(entry => entry.Modified).ThenBy(entry => entry.Path, StringComparer.Ordinal),
            _ => found.OrderBy(entry => entry.Path, StringComparer.Ordinal),
        };
        return new DirectoryListing(directory.Text, [.. sorted.Take(limit)], cut || found.Count > limit);
    }

    /// <summary>Reads text, all of it or a range of lines, never more than <see cref="FilesOptions.MaxTextBytes"/>.</summary>
    /// <exception cref="ProblemException">There is no such file, it is not text, or it is too large to be given whole.</exception>
    public async Task<TextPart> ReadTextAsync(Place place, string path, LineRange range, CancellationToken cancellationToken)
    {
        using var file = place.Folder.OpenRead(place.Path(path));
        if (range.IsWhole && file.Entry.Size > options.MaxTextBytes)
        {
            throw new ProblemException(
                $"'{file.Entry.Path}' has {file.Entry.Size} bytes, and one call gives at most {options.MaxTextBytes}. Read a part of it with head, tail, or start_line and end_line.");
        }

        try
        {
            return await TextLines.ReadAsync(file, range, options.MaxTextBytes, cancellationToken);
        }
        catch (DecoderFallbackException)
        {
            throw new ProblemException($"'{file.Entry.Path}' is not a text file.");
        }
    }
}
