namespace McpFilesServer.Data;

/// <content>What happens after a crash.</content>
internal sealed partial class ProjectFolder
{
    // How far the sweep goes: directories looked into. What it does not reach stays hidden, and the next start tries again.
    private const int MaxSwept = 100_000;

    /// <summary>Removes what a crash left half-written. To be called when the server starts.</summary>
    /// <param name="before">Files changed since then are left alone: somebody may be writing them.</param>
    /// <returns>How many were removed.</returns>
    public int SweepTemporaries(DateTimeOffset before)
    {
        var removed = 0;
        var directories = new Stack<ProjectPath>(rules.ReadOnly ? [] : [ProjectPath.Root]);
        for (var swept = 0; swept < MaxSwept && directories.TryPop(out var directory); swept++)
        {
            TryHold(directory, out var held);
            using (held)
            {
                removed += held is null ? 0 : Sweep(held, directory, directories, before);
            }
        }

        return removed;
    }

    private static int Sweep(HeldDirectory held, ProjectPath directory, Stack<ProjectPath> directories, DateTimeOffset before)
    {
        var removed = 0;
        held.ReadNames(MaxNames, out var names);
        foreach (var name in names)
        {
            var ours = name.StartsWith(TemporaryFile.Prefix, StringComparison.Ordinal);
            var child = ours ? null : directory.Child(name);
            if ((!ours && child is null) || held.Inspect(name, out var state) != DiskFault.None)
            {
                continue;
            }

            if (child is not null && state.Kind == FileKind.Directory)
            {
                directories.Push(child);
            }
            else if (ours && state.Kind == FileKind.File && state.Modified.ToTime() < before && held.Remove(name) == DiskFault.None)
            {
                removed++;
            }
        }

        return removed;
    }
}
