namespace McpFilesServer.Data;

/// <content>Edits: what was read is what is replaced, or nothing is.</content>
internal sealed partial class Changes
{
    /// <summary>What an edit holds in memory.</summary>
    private const int MaxEdited = 8 * 1024 * 1024;

    /// <summary>Replaces text in a file. Encoding, byte order mark, line endings and permissions stay as they are.</summary>
    /// <param name="person">Who does it.</param>
    /// <param name="place">Where.</param>
    /// <param name="path">The file.</param>
    /// <param name="edits">What to replace, one after the other.</param>
    /// <param name="dryRun">True to change nothing and say what would change.</param>
    /// <param name="ifMatch">The version that the file must have; null for whichever it has.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ProblemException">A text to replace is missing or ambiguous; or the file is no text, too large, or has changed meanwhile.</exception>
    public async Task<Edited> EditAsync(
        IPerson person, Place place, string path, IReadOnlyList<Edit> edits, bool dryRun, string? ifMatch, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "edit_file", cancellationToken);
        using var old = place.Folder.OpenRead(change.Path);
        if (ifMatch is not null && ifMatch != old.Entry.Etag)
        {
            throw new ConflictException($"The file at {DiskFaults.Quote(change.Path)} has changed; read it again and decide what to write.");
        }

        var content = Read(old, change.Path);
        var format = TextFormat.Of(content);
        var before = format.Decode(content, change.Path);
        var after = Edits.Apply(before, edits);
        var diff = Edits.Diff(old.Entry.Path, before, after, edits);
        var cut = diff.Length > options.MaxTextBytes;
        diff = cut ? diff[..(char.IsHighSurrogate(diff[options.MaxTextBytes - 1]) ? options.MaxTextBytes - 1 : options.MaxTextBytes)] : diff;
        byte[] bytes = [.. format.Mark, .. format.Encode(after)];
        RequireSize(bytes.Length);
        var entry = dryRun ? old.Entry : await ReplaceAsync(change, old.Entry.Etag!, bytes.Length, staged => change.Fill(staged, bytes));
        return new Edited(diff, new(entry.Path, entry.Etag!, entry.Size!.Value, !dryRun, cut));
    }

    private static byte[] Read(OpenedFile file, ProjectPath path)
    {
        if (file.Entry.Size > MaxEdited)
        {
            throw new ProblemException($"{DiskFaults.Quote(path)} has {file.Entry.Size} bytes, and at most {MaxEdited} can be edited.");
        }

        var content = new byte[file.Entry.Size!.Value];
        for (var length = 0; length < content.Length;)
        {
            var read = RandomAccess.Read(file.Handle, content.AsSpan(length), length);
            length += read > 0 ? read : throw new ConflictException($"{DiskFaults.Quote(path)} was changed while it was read; try again.");
        }

        return content;
    }
}
