namespace McpFilesServer.Data;

/// <summary>What a listing is sorted by.</summary>
internal enum EntryOrder
{
    /// <summary>By name, as bytes.</summary>
    Name,

    /// <summary>Largest first, directories last.</summary>
    Size,

    /// <summary>Newest first.</summary>
    Modified,
}

/// <summary>Where a page of a listing ends: its last entry's name, and what that was sorted by.</summary>
internal sealed record EntryMark(string Name, long Value = 0);

/// <summary>A page of a listing, and where the next one goes on; null when this is the last.</summary>
internal sealed record EntryPage(IReadOnlyList<FileEntry> Entries, EntryMark? Next);

/// <content>Listings, page by page, with memory for one page however large the directory is.</content>
internal sealed partial class ProjectFolder
{
    /// <summary>A page of what is in a directory. What is added or removed between two pages may be on neither; nothing else is left out, and nothing is on both.</summary>
    /// <param name="directory">The directory; what is in its directories is not listed.</param>
    /// <param name="order">What the listing is sorted by.</param>
    /// <param name="after">Where the page before ended; null for the first.</param>
    /// <param name="limit">How many entries a page has.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ProblemException">There is no such directory.</exception>
    public EntryPage Page(ProjectPath directory, EntryOrder order, EntryMark? after, int limit, CancellationToken cancellationToken) =>
        order == EntryOrder.Name ? PageByName(directory, after?.Name, limit, cancellationToken) : PageByValue(directory, order, after, limit, cancellationToken);

    /// <summary>What is in a directory, sorted by name.</summary>
    /// <param name="directory">The directory; what is in its directories is not listed.</param>
    /// <param name="max">How many entries at most.</param>
    /// <param name="cut">True when there is more than the answer holds.</param>
    /// <param name="prefix">Only entries whose name begins so.</param>
    /// <exception cref="ProblemException">There is no such directory.</exception>
    public IReadOnlyList<FileEntry> List(ProjectPath directory, int max, out bool cut, string prefix = "")
    {
        var page = PageByName(directory, null, max, CancellationToken.None, prefix);
        cut = page.Next is not null;
        return page.Entries;
    }

    /// <summary>Opens a directory for a walk.</summary>
    /// <exception cref="ProblemException">There is no such directory.</exception>
    public OpenedDirectory OpenDirectory(ProjectPath directory) => new(Hold(directory), directory, rules);

    /// <summary>
    /// Names alone choose what may be on the page, and only those are looked at. Some turn out to be nothing that may be seen (a second name of a
    /// file, a mount): then more names are chosen, each time eight times as many, so that a directory full of them costs a few readings.
    /// </summary>
    private EntryPage PageByName(ProjectPath directory, string? after, int limit, CancellationToken cancellationToken, string prefix = "")
    {
        var entries = new List<FileEntry>(Math.Min(limit, 1000));
        for (var room = Math.Min(limit, Array.MaxLength / 16) + 16; ; room = Math.Min(room, Array.MaxLength / 8) * 8)
        {
            using var opened = OpenDirectory(directory);
            var (names, more) = opened.Smallest(after, room, cancellationToken, prefix);
            foreach (var name in names)
            {
                if (opened.Describe(name) is { } entry)
                {
                    if (entries.Count == limit)
                    {
                        return new EntryPage(entries, new EntryMark(after!));
                    }

                    entries.Add(entry);
                    after = name;
                }
                else if (entries.Count < limit)
                {
                    after = name;
                }
            }

            if (!more)
            {
                return new EntryPage(entries, null);
            }
        }
    }

    private EntryPage PageByValue(ProjectPath directory, EntryOrder order, EntryMark? after, int limit, CancellationToken cancellationToken)
    {
        // The largest value first; names decide between equals. The queue gives up its last entry first.
        var comparer = Comparer<EntryMark>.Create((a, b) => a.Value != b.Value ? b.Value.CompareTo(a.Value) : string.CompareOrdinal(a.Name, b.Name));
        var chosen = new PriorityQueue<FileEntry, EntryMark>(Comparer<EntryMark>.Create((a, b) => comparer.Compare(b, a)));
        using var opened = OpenDirectory(directory);
        using var names = new NameBuffer();
        while (opened.ReadSome(names))
        {
            for (var i = 0; i < names.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (opened.Shows(names, i) && opened.Describe(names.TextOf(i)) is { } entry
                    && MarkOf(entry, order) is var mark && (after is null || comparer.Compare(mark, after) > 0))
                {
                    chosen.Enqueue(entry, mark);
                    if (chosen.Count > limit + 1)
                    {
                        chosen.Dequeue();
                    }
                }
            }
        }

        var entries = new FileEntry[chosen.Count];
        for (var i = entries.Length - 1; i >= 0; i--)
        {
            entries[i] = chosen.Dequeue();
        }

        return entries.Length <= limit ? new EntryPage(entries, null) : new EntryPage(entries[..limit], MarkOf(entries[limit - 1], order));
    }

    private static EntryMark MarkOf(FileEntry entry, EntryOrder order) =>
        new(entry.Path[(entry.Path.LastIndexOf('/') + 1)..], order == EntryOrder.Size ? entry.Size ?? -1 : entry.Modified.UtcTicks);
}
