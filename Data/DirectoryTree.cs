namespace McpFilesServer.Data;

/// <summary>An entry of a tree.</summary>
/// <param name="Path">'/'-separated, relative to the project.</param>
/// <param name="Type">"file" or "directory".</param>
/// <param name="Modified">When the content last changed, in UTC.</param>
/// <param name="Size">Bytes; left out for a directory.</param>
/// <param name="Etag">The version; left out for a directory.</param>
/// <param name="Cut">True for a directory that has more in it than this tree shows.</param>
internal sealed record TreeEntry(string Path, string Type, DateTimeOffset Modified, long? Size = null, string? Etag = null, bool? Cut = null);

/// <summary>What is in a directory and in its directories.</summary>
/// <param name="Path">The directory, relative to the project.</param>
/// <param name="Entries">Each directory comes before what is in it; names are in order.</param>
/// <param name="Truncated">Whether anything was left out: those directories say so too, or, without entries of their own, all the rest is missing.</param>
internal sealed record DirectoryTree(string Path, IReadOnlyList<TreeEntry> Entries, bool Truncated)
{
    /// <summary>The most entries of one tree.</summary>
    public const int MaxEntries = 2000;

    /// <summary>The most entries that one directory of a tree shows, so that the first large one does not hide all others.</summary>
    private const int MaxOfOne = 250;

    /// <summary>Reads a tree.</summary>
    /// <param name="folder">The project's folder.</param>
    /// <param name="directory">Where it begins.</param>
    /// <param name="depth">How many levels: 1 is the directory's own entries.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ProblemException">There is no such directory.</exception>
    public static DirectoryTree Read(ProjectFolder folder, ProjectPath directory, int depth, CancellationToken cancellationToken)
    {
        var entries = new List<TreeEntry>();
        using var opened = folder.OpenDirectory(directory);
        var cut = Add(opened, depth, entries, cancellationToken);
        return new DirectoryTree(directory.Shown, entries, cut || entries.Exists(entry => entry.Cut == true));
    }

    /// <summary>Adds what is in a directory, by its handle. True when not all of it was added.</summary>
    private static bool Add(OpenedDirectory directory, int depth, List<TreeEntry> entries, CancellationToken cancellationToken)
    {
        var (names, more) = directory.Smallest(null, MaxOfOne + 1, cancellationToken);
        var found = names.Select(name => (Name: name, Entry: directory.Describe(name))).Where(pair => pair.Entry is not null).ToList();
        foreach (var (name, entry) in found.Take(MaxOfOne))
        {
            if (entries.Count == MaxEntries)
            {
                return true;
            }

            var at = entries.Count;
            entries.Add(new TreeEntry(entry!.Path, entry.Type, entry.Modified, entry.Size, entry.Etag));
            if (entry.Type == "directory" && IsCut(directory, name, depth, entries, cancellationToken))
            {
                entries[at] = entries[at] with { Cut = true };
            }
        }

        return more || found.Count > MaxOfOne;
    }

    private static bool IsCut(OpenedDirectory parent, string name, int depth, List<TreeEntry> entries, CancellationToken cancellationToken)
    {
        using var directory = parent.Enter(name);
        if (directory is null)
        {
            return false;
        }

        return depth > 1 ? Add(directory, depth - 1, entries, cancellationToken)
            : directory.Smallest(null, 1, cancellationToken).Names.Count > 0;
    }
}
