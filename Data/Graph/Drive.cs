namespace McpFilesServer.Data;

/// <summary>A page of what is in a folder of a drive.</summary>
/// <param name="Entries">In the drive's own order.</param>
/// <param name="Hidden">How many there are beside these whose names nobody could write, because of characters that are not seen.</param>
/// <param name="Next">Where the next page begins; null on the last.</param>
internal sealed record DrivePage(IReadOnlyList<DriveEntry> Entries, int Hidden, DriveMark? Next);

/// <summary>Where a page begins, as Graph said it: below its root, and nowhere else.</summary>
/// <param name="Path">The rest of its address.</param>
/// <param name="Limit">How many entries it has at most: Graph has written the number of the first page into the address.</param>
internal sealed record DriveMark(string Path, int Limit);

/// <summary>The OneDrive of the caller, as Microsoft Graph v1.0 gives it to him and to nobody for him.</summary>
internal sealed class Drive(Graph graph, Transfers transfers)
{
    /// <summary>The longest mark that still makes a cursor, in characters.</summary>
    private const int MaxMark = 2500;

    /// <summary>What is in a folder.</summary>
    /// <exception cref="ProblemException">There is no such folder, or Graph did not say.</exception>
    public async Task<DrivePage> ListAsync(DrivePath folder, DriveMark? from, int limit, CancellationToken cancellationToken)
    {
        var page = await graph.GetAsync<Page<DriveItem>>(from?.Path ?? $"{folder.Address("children")}?{DriveItem.Select}&$top={limit}", folder.What, cancellationToken);
        var (items, size) = (page.Items.ToList(), from?.Limit ?? limit);
        var entries = items.Select(item => item.Name is { } name && folder.Child(name) is { } path ? item.At(path) : null).OfType<DriveEntry>().ToList();
        var next = page.Next is null ? null : graph.Below(page.Next);
        return items.Count > size || next?.Length > MaxMark ? throw GraphFaults.Unusable()
            : new DrivePage(entries, items.Count - entries.Count, next is null ? null : new DriveMark(next, size));
    }

    /// <summary>A file, ready to be fetched.</summary>
    /// <exception cref="ProblemException">There is no such file.</exception>
    public async Task<IncomingFile> FindAsync(DrivePath path, CancellationToken cancellationToken)
    {
        var item = await graph.GetAsync<DriveItem>($"{path.Address()}?{DriveItem.Select}", path.What, cancellationToken);
        return item.IsFile ? new IncomingFile(item.Size!.Value, (take, cancel) => FetchAsync(path, item.Size.Value, take, cancel))
            : throw new ProblemException($"The {path.What} is no file.");
    }

    /// <summary>Graph does not give the content itself: it says where it is, for once and for whoever comes.</summary>
    private async Task FetchAsync(DrivePath path, long size, Action<ReadOnlySpan<byte>> take, CancellationToken cancellationToken)
    {
        var address = await graph.LocateAsync(path.Address("content"), path.What, cancellationToken);
        await transfers.GetAsync(address, graph.Circuit, size, take, cancellationToken);
    }
}
