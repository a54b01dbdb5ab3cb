using System.Text;

namespace McpFilesServer.Data;

/// <summary>Something in a project's trash.</summary>
/// <param name="TrashId">What restore_file takes.</param>
/// <param name="Path">Where it was, relative to the project.</param>
/// <param name="Kind">"deleted", or "replaced" for the old version of a file.</param>
/// <param name="Type">"file" or "directory".</param>
/// <param name="Size">Bytes, of a directory those of all files in it.</param>
/// <param name="By">The name of who deleted or replaced it.</param>
/// <param name="At">When, in UTC.</param>
/// <param name="Etag">The version that it was; null for a directory.</param>
internal sealed record TrashItem(string TrashId, string Path, string Kind, string Type, long Size, string By, string? At = null, string? Etag = null)
{
    public static TrashItem Of(TrashRow row) => new(row.Id, row.Path, row.Kind, row.Type, row.Size, row.Name, row.At.Length == 0 ? null : row.At, row.Etag);
}

/// <summary>A place in the list of a project's trash: behind this entry.</summary>
internal sealed record TrashMark(string At, string Id);

/// <summary>What came back from the trash.</summary>
/// <param name="Path">Where it is now.</param>
/// <param name="Type">"file" or "directory".</param>
/// <param name="Modified">When the content last changed, in UTC.</param>
/// <param name="RestoredFrom">Where it was; another path than <paramref name="Path"/> when that was taken.</param>
/// <param name="Size">Bytes; null for a directory.</param>
/// <param name="Etag">Its version; null for a directory.</param>
internal sealed record Restored(string Path, string Type, DateTimeOffset Modified, string RestoredFrom, long? Size = null, string? Etag = null);

/// <summary>The trash of the projects: what is in it, what comes back, and what goes for good.</summary>
internal sealed partial class Trash(TrashTable table, ProjectFolders folders, Quotas quotas, FilesOptions options, ILogger<Trash> log)
{
    private const int MaxNames = 100;

    /// <summary>A page of what is in a project's trash, newest first.</summary>
    /// <returns>The entries, and where the next page begins; null on the last.</returns>
    public async Task<(IReadOnlyList<TrashItem> Entries, TrashMark? Next)> PageAsync(Place place, TrashMark? after, int limit, CancellationToken cancellationToken)
    {
        var found = await table.ListAsync(place.Project.Id, after, limit + 1, cancellationToken);
        return ([.. found.Take(limit).Select(TrashItem.Of)], found.Count > limit ? new TrashMark(found[limit - 1].At, found[limit - 1].Id) : null);
    }

    /// <summary>Brings something back to where it was, or, when that path is taken, to a free name beside it.</summary>
    /// <exception cref="ProblemException">There is no such thing in this project's trash, or it could not be moved.</exception>
    public async Task<Restored> RestoreAsync(IPerson person, Place place, string id, CancellationToken cancellationToken)
    {
        var row = await table.TakeAsync(place.Project.Id, id, "restoring", cancellationToken) ?? throw Nothing();
        FileEntry entry;
        quotas.Shift(place, -row.Size, -row.Files);
        try
        {
            var path = ProjectPath.Parse(row.Path);
            using var room = quotas.Reserve(place, 0, place.Folder.MissingDirectories(path.Parent));
            entry = Restore(place.Folder, row.Id, path);
            room.Keep();
        }
        catch
        {
            quotas.Recount(row.Slug);
            await RepairAsync(row with { State = "restoring" });
            throw;
        }

        var activity = new Activity(place.Project.Id, person, "restore_file", entry.Path, row.Path == entry.Path ? null : row.Path);
        await RecordedAsync(table.ForgetAsync(row.Id, activity, CancellationToken.None));
        return new Restored(entry.Path, entry.Type, entry.Modified, row.Path, entry.Size, entry.Etag);
    }

    /// <summary>Removes one thing, or all there is, from a project's trash for good.</summary>
    /// <returns>How many were removed.</returns>
    /// <exception cref="ProblemException">There is no such thing in this project's trash.</exception>
    public async Task<int> PurgeAsync(IPerson person, Place place, string? id, CancellationToken cancellationToken)
    {
        string[] ids = id is not null ? [id] : [.. (await table.ListAsync(place.Project.Id, null, int.MaxValue, cancellationToken)).Select(row => row.Id)];
        var purged = 0;
        foreach (var one in ids)
        {
            cancellationToken.ThrowIfCancellationRequested();
            purged += await PurgeAsync(place.Project.Id, one, row => new(place.Project.Id, person, "purge_trash", row.Path), cancellationToken) ? 1
                : id is null ? 0 : throw Nothing();
        }

        return purged;
    }

    /// <summary>Removes what has been kept long enough, at most <paramref name="limit"/> things.</summary>
    /// <returns>How many were removed.</returns>
    public async Task<int> ExpireAsync(int limit, CancellationToken cancellationToken)
    {
        var purged = 0;
        foreach (var row in await table.ExpiredAsync(options.Trash, limit, cancellationToken))
        {
            purged += await PurgeAsync(row.ProjectId, row.Id, _ => null, cancellationToken) ? 1 : 0;
        }

        return purged;
    }

    /// <summary>The same for what is in another project's trash and what is in none.</summary>
    public static ProblemException Nothing() => new("There is nothing with this trash_id in the trash of this project. list_trash shows what there is.");

    private static FileEntry Restore(ProjectFolder folder, string id, ProjectPath path)
    {
        try
        {
            folder.MakeDirectories(path.Parent);
        }
        catch (ConflictException)
        {
            // A file stands where one of its directories was: the project's top is always there.
            path = ProjectPath.Parse(path.Name);
        }

        for (var i = 0; i < MaxNames; i++)
        {
            if (folder.Restore(id, i == 0 ? path : path.Parent.Child(FreeName(path.Name, i)) ?? throw new ProblemException(NameRules.TooLong)) is { } entry)
            {
                return entry;
            }
        }

        throw new ProblemException($"{DiskFaults.Quote(path)} and {MaxNames} names beside it are taken. Move one of them.");
    }

    /// <summary>"plan (restored).md", "plan (restored 2).md" …, cut where a name would be too long.</summary>
    private static string FreeName(string name, int i)
    {
        var dot = name.LastIndexOf('.') is > 0 and var at && name.Length - at <= 16 ? at : name.Length;
        var (stem, ending) = (name[..dot], FormattableString.Invariant($" (restored{(i == 1 ? "" : FormattableString.Invariant($" {i}"))}){name[dot..]}"));
        while (Encoding.UTF8.GetByteCount(stem + ending) > 255)
        {
            stem = stem[..^(char.IsLowSurrogate(stem[^1]) ? 2 : 1)];
        }

        return stem + ending;
    }

    private async Task<bool> PurgeAsync(string project, string id, Func<TrashRow, Activity?> activity, CancellationToken cancellationToken)
    {
        if (await table.TakeAsync(project, id, "purging", cancellationToken) is not { } row)
        {
            return false;
        }

        var gone = folders.Of(row.Slug).Purge(row.Id);
        quotas.Recount(row.Slug);
        await (gone ? table.ForgetAsync(row.Id, activity(row), CancellationToken.None) : Task.CompletedTask);
        return gone;
    }
}
