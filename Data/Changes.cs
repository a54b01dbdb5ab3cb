namespace McpFilesServer.Data;

/// <summary>
/// Changes what is in a project's folder, so that nothing is lost: new content is complete before it gets its name, what it replaces goes to the trash in
/// the same step, and what goes to the trash is announced in its table first. Who may do so has been decided before. A cancelled call stops before the
/// step on the disk, or completes.
/// </summary>
internal sealed partial class Changes(TrashTable table, Trash trash, Quotas quotas, FilesOptions options)
{
    private const int MaxAttempts = 5;

    /// <summary>Creates a file, or replaces the version of it that has the given etag.</summary>
    /// <exception cref="ProblemException">The file exists, has changed, the text is too large, or the project is full.</exception>
    public Task<FileEntry> WriteAsync(IPerson person, Place place, string path, string content, string? ifMatch, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "write_file", cancellationToken);
        var bytes = Encode(TextFormat.Default, content);
        return ifMatch is null
            ? CreateAsync(change, bytes.Length, staged => change.Fill(staged, bytes))
            : ReplaceAsync(change, ifMatch, bytes.Length, staged => change.Fill(staged, bytes));
    }

    /// <summary>Adds text to the end of a file, in the file's encoding; makes the file when there is none.</summary>
    /// <exception cref="ProblemException">It is not a text file, would be too large, or is written to all the time.</exception>
    public async Task<FileEntry> AppendAsync(IPerson person, Place place, string path, string content, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "append_file", cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (place.Folder.IsFree(change.Path))
                {
                    var bytes = Encode(TextFormat.Default, content);
                    return await CreateAsync(change, bytes.Length, staged => change.Fill(staged, bytes));
                }

                return await AppendOnceAsync(change, content);
            }
            catch (ConflictException) when (attempt < MaxAttempts)
            {
                // Somebody wrote between the read and the exchange: what he wrote is the beginning now.
            }
        }
    }

    /// <summary>Copies a file, block by block, with its permissions.</summary>
    /// <exception cref="ProblemException">There is no such file, it is too large, there is already something, or the project is full.</exception>
    public async Task<FileEntry> CopyAsync(IPerson person, Place place, string source, string destination, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(destination), "copy_file", cancellationToken);
        var origin = place.Path(source);
        using var from = place.Folder.OpenRead(origin);
        RequireSize(from.Entry.Size!.Value);
        return await CreateAsync(
            change, from.Entry.Size!.Value, staged => ProjectFolder.CopyContent(from, staged, change.Path, cancellationToken), ProjectFolder.ModeOf(from), origin.Text);
    }

    /// <summary>Gives a file or directory another path.</summary>
    /// <exception cref="ProblemException">There is nothing at the one, or something at the other.</exception>
    public async Task<FileEntry> MoveAsync(IPerson person, Place place, string source, string destination, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(source), "move_file", cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        var target = place.Path(destination);
        var moved = place.Folder.Move(change.Path, target);
        await trash.RecordedAsync(table.RecordAsync(change.Activity(target.Text), CancellationToken.None));
        return moved;
    }

    /// <summary>Creates a directory and the ones around it, as far as they are not there.</summary>
    /// <exception cref="ProblemException">A file has one of the names, or the project is full.</exception>
    public async Task<FileEntry> MakeDirectoryAsync(IPerson person, Place place, string path, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "create_directory", cancellationToken);
        var missing = place.Folder.MissingDirectories(change.Path);
        using var room = quotas.Reserve(place, 0, missing);
        cancellationToken.ThrowIfCancellationRequested();
        var made = place.Folder.MakeDirectories(change.Path);
        room.Keep();
        await trash.RecordedAsync(missing == 0 ? Task.CompletedTask : table.RecordAsync(change.Activity(), CancellationToken.None));
        return made;
    }

    /// <summary>Moves a file, or a directory with all that is in it, to the trash.</summary>
    /// <exception cref="ProblemException">There is nothing, or it may not be moved.</exception>
    public async Task<TrashItem> DeleteAsync(IPerson person, Place place, string path, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "delete_file", cancellationToken);
        var measured = place.Folder.Measure(change.Path);
        var row = change.Row(TemporaryFile.NewId(), "deleted", measured);
        await table.AnnounceAsync(row, cancellationToken);
        await StepAsync(change, row, () => place.Folder.Discard(change.Path, measured.State, row.Id));
        quotas.Shift(place, measured.Bytes, measured.Files);
        await trash.RecordedAsync(table.SettleAsync(row.Id, change.Activity(row.Id), CancellationToken.None));
        return TrashItem.Of(row);
    }

    private async Task<FileEntry> AppendOnceAsync(Change change, string content)
    {
        using var old = change.Place.Folder.OpenRead(change.Path);
        var start = new byte[8 * 1024];
        var format = TextFormat.Of(start.AsSpan(0, RandomAccess.Read(old.Handle, start, 0)));
        if (format.IsBinary(start.AsSpan(0, (int)Math.Min(start.Length, old.Entry.Size!.Value))))
        {
            throw TextFormat.NotText(change.Path);
        }

        var added = Encode(format, content);
        RequireSize(old.Entry.Size!.Value + added.Length);
        return await ReplaceAsync(change, old.Entry.Etag!, old.Entry.Size.Value + added.Length, staged =>
        {
            ProjectFolder.CopyContent(old, staged, change.Path, change.CancellationToken);
            change.Fill(staged, added);
        });
    }

    private Task<FileEntry> CreateAsync(Change change, long size, Action<TemporaryFile> fill, UnixFileMode? mode = null, string? detail = null) => CreateAsync(
        change, size,
        staged =>
        {
            fill(staged);
            return Task.CompletedTask;
        },
        mode, detail);

    private async Task<FileEntry> CreateAsync(Change change, long size, Func<TemporaryFile, Task> fill, UnixFileMode? mode = null, string? detail = null)
    {
        var folder = change.Place.Folder;
        folder.RequireFree(change.Path);
        using var room = quotas.Reserve(change.Place, size, 1);
        using var staged = mode is { } its ? folder.Stage(change.Path, its) : folder.Stage(change.Path);
        await fill(staged);
        change.Require(staged.Finish());
        change.CancellationToken.ThrowIfCancellationRequested();
        var entry = folder.Place(staged, change.Path);
        room.Keep();
        await trash.RecordedAsync(table.RecordAsync(change.Activity(detail), CancellationToken.None));
        return entry;
    }

    private async Task<FileEntry> ReplaceAsync(Change change, string etag, long size, Action<TemporaryFile> fill)
    {
        var folder = change.Place.Folder;
        var old = folder.Changeable(change.Path, etag);
        using var room = quotas.Reserve(change.Place, size, 1);
        using var staged = folder.Stage(change.Path);
        fill(staged);
        change.Require(staged.Finish(old));

        // Only saves a row for who comes too late: the exchange compares again.
        _ = folder.Changeable(change.Path, etag);
        var row = change.Row(staged.Id, "replaced", new(old, 1, old.Size)) with { Staged = unchecked((long)staged.State.Id) };
        await table.AnnounceAsync(row, change.CancellationToken);
        FileEntry? entry = null;
        await StepAsync(change, row, () => entry = folder.Replace(staged, change.Path, etag));
        room.Keep(trashed: old.Size);
        await trash.RecordedAsync(table.SettleAsync(row.Id, change.Activity(row.Id), CancellationToken.None));
        return entry!;
    }

    /// <summary>The step on the disk, after which there is no way back. When it fails, the disk is asked how far it came, as it is after a crash.</summary>
    private async Task StepAsync(Change change, TrashRow row, Action step)
    {
        try
        {
            change.CancellationToken.ThrowIfCancellationRequested();
            step();
        }
        catch
        {
            quotas.Recount(row.Slug);
            await trash.RepairAsync(row);
            throw;
        }
    }

    private byte[] Encode(TextFormat format, string content)
    {
        var bytes = format.Encode(content);
        return bytes.Length <= options.MaxTextBytes ? bytes
            : throw new ProblemException($"The content has {bytes.Length} bytes, and one call takes at most {options.MaxTextBytes}.");
    }

    private void RequireSize(long size)
    {
        if (size > options.MaxFileBytes)
        {
            throw new ProblemException($"The file would have {size} bytes, and this is done with at most {options.MaxFileBytes}.");
        }
    }

    /// <summary>Who changes what, in which tool's name.</summary>
    private sealed record Change(IPerson Person, Place Place, ProjectPath Path, string Action, CancellationToken CancellationToken)
    {
        public Activity Activity(string? detail = null) => new(Place.Project.Id, Person, Action, Path.Text, detail);

        public TrashRow Row(string id, string kind, Measured measured) => new()
        {
            Id = id,
            ProjectId = Place.Project.Id,
            Slug = Place.Project.Slug,
            Path = Path.Text,
            Kind = kind,
            Type = measured.State.Kind == FileKind.Directory ? "directory" : "file",
            Size = measured.Bytes,
            Files = measured.Files,
            Etag = measured.State.Kind == FileKind.Directory ? null : measured.State.Etag,
            Issuer = Person.Issuer,
            Subject = Person.Subject,
            Name = Person.Name,
        };

        public void Fill(TemporaryFile staged, ReadOnlySpan<byte> content) => Require(staged.Append(content));

        public void Require(DiskFault fault)
        {
            if (fault != DiskFault.None)
            {
                throw DiskFaults.WhenWriting(fault, Path);
            }
        }
    }
}
