namespace McpFilesServer.Data;

/// <content>
/// The project's own directory: new content before it has its name, and the trash, where each file or directory has its trash id for a name. It is
/// in the project's folder, so that whatever goes there and comes back is renamed and never copied; no caller can name it.
/// </content>
internal sealed partial class ProjectFolder
{
    private const string OwnDirectory = NameRules.OwnPrefix + "trash";
    private const string KeepOutOfGit = ".gitignore";

    /// <summary>Moves a file or directory into the trash, provided that it is still what was measured.</summary>
    /// <exception cref="ProblemException">It is not, or could not be moved.</exception>
    public void Discard(ProjectPath path, FileState measured, string id)
    {
        RefuseWhenReadOnly();
        using var parent = HoldParent(path);
        using var own = HoldOwn(path);
        using (Enter(parent))
        {
            RequireSame(parent, path, measured);
            Require(parent.Rename(path.Name, own, id, replace: false), path);
        }

        Require(own.Flush(), path);
        Require(parent.Flush(), path);
    }

    /// <summary>Moves something out of the trash.</summary>
    /// <returns>What it is there; null when there is already something at the path.</returns>
    /// <exception cref="ProblemException">The trash does not have it, or it could not be moved.</exception>
    public FileEntry? Restore(string id, ProjectPath path)
    {
        RefuseWhenReadOnly();
        using var parent = HoldParentToWrite(path);
        using var own = HoldOwn(path);
        if (own.Inspect(id, out _) != DiskFault.None)
        {
            throw new ProblemException("The trash does not have it any more.");
        }

        var fault = path.IsRoot ? DiskFault.Exists : own.Rename(id, parent, path.Name, replace: false);
        if (fault == DiskFault.Exists)
        {
            return null;
        }

        Require(fault, path);
        Require(parent.Flush(), path);
        Require(own.Flush(), path);
        Require(parent.Inspect(path.Name, out var state), path);
        return FileEntry.From(path, state);
    }

    /// <summary>Removes something from the trash for good. That it is not there is no failure.</summary>
    /// <returns>False when not all of it could be removed.</returns>
    public bool Purge(string id)
    {
        RefuseWhenReadOnly();
        var fault = TryHoldOwn(make: false, out var own);
        using (own)
        {
            return own is null ? fault == DiskFault.Missing : own.RemoveTree(id) == DiskFault.None && own.Flush() == DiskFault.None;
        }
    }

    /// <summary>Finds out how far a change came that was cut off, and removes what it left.</summary>
    /// <param name="id">The trash id.</param>
    /// <param name="staged">The number of the file that was to take the place of another one; null when nothing was.</param>
    /// <returns>Whether the old file or directory is in the trash.</returns>
    /// <exception cref="ProblemException">The disk does not say.</exception>
    public bool Settle(string id, ulong? staged)
    {
        var fault = TryHoldOwn(make: false, out var own);
        using (own)
        {
            if (own is null)
            {
                Require(fault == DiskFault.Missing ? DiskFault.None : fault, ProjectPath.Root);
                return false;
            }

            // The new content is still a temporary: nothing has happened, and what has the trash id is a copy at most.
            var placed = staged is null || own.Inspect(TemporaryFile.Prefix + id, out _) == DiskFault.Missing;
            fault = own.Inspect(id, out var state);
            if (placed && fault == DiskFault.None && state.Id != staged)
            {
                return true;
            }

            Require(fault is DiskFault.None or DiskFault.Missing ? DiskFault.None : fault, ProjectPath.Root);
            own.Remove(TemporaryFile.Prefix + id);
            own.Remove(id);
            own.Flush();
            return false;
        }
    }

    /// <summary>Removes what a crash left half-written, and says what else is in the trash. To be called when the server starts and writes nothing yet.</summary>
    /// <returns>The names in the trash.</returns>
    public IReadOnlyList<string> SweepTemporaries()
    {
        HeldDirectory? own = null;
        _ = rules.ReadOnly ? DiskFault.ReadOnly : TryHoldOwn(make: false, out own);
        using (own)
        {
            var names = new List<string>();
            own?.ReadNames(int.MaxValue, out names);
            foreach (var name in names.Where(name => name.StartsWith(TemporaryFile.Prefix, StringComparison.Ordinal)))
            {
                own!.Remove(name);
            }

            return [.. names.Where(name => name != KeepOutOfGit && !name.StartsWith(TemporaryFile.Prefix, StringComparison.Ordinal))];
        }
    }

    private HeldDirectory HoldOwn(ProjectPath path)
    {
        var fault = TryHoldOwn(make: true, out var own);
        return own ?? throw (fault is DiskFault.Missing or DiskFault.Elsewhere or DiskFault.Exists
            ? new ProblemException("The project's trash cannot be used, so nothing is changed. Tell the server's operator.")
            : DiskFaults.WhenWriting(fault, path));
    }

    private DiskFault TryHoldOwn(bool make, out HeldDirectory? own)
    {
        own = null;
        var fault = HeldDirectory.OpenRoot(absoluteRoot, rules.WithoutOpenAt2, out var root);
        if (root is null)
        {
            return fault;
        }

        using (root)
        {
            fault = root.OpenDirectory(OwnDirectory, out own);
            if (fault != DiskFault.Missing || !make)
            {
                return fault;
            }

            fault = root.CreateDirectory(OwnDirectory, OwnerOnly);
            if (fault is not (DiskFault.None or DiskFault.Exists))
            {
                return fault;
            }

            root.Flush();
            fault = root.OpenDirectory(OwnDirectory, out own);
        }

        // A mounted folder may be somebody's working copy.
        if (own is not null && own.CreateFile(KeepOutOfGit, NewFile, out var ignore) == DiskFault.None)
        {
            using (ignore)
            {
                RandomAccess.Write(ignore!, "*\n"u8, 0);
            }
        }

        return fault;
    }

    private void CopyToTrash(HeldDirectory parent, ProjectPath path, string ifMatch, string id)
    {
        Require(parent.OpenFile(path.Name, out var handle, out var state), path);
        using var old = new OpenedFile(handle!, FileEntry.From(path, state));
        if (state.Kind != FileKind.File || state.Etag != ifMatch)
        {
            throw Changed(path);
        }

        var own = HoldOwn(path);
        Require(TemporaryFile.Create(own, OwnerOnly, out var copy), path);
        using (copy)
        {
            CopyContent(old, copy!, path, CancellationToken.None);
            Require(copy!.Finish(state), path);
            Require(copy.Place(own, id, replace: false, out _), path);
        }
    }
}
