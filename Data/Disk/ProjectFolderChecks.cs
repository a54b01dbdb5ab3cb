namespace McpFilesServer.Data;

/// <summary>A file, or a directory with all that is in it.</summary>
/// <param name="State">What the system says about the file or directory itself.</param>
/// <param name="Files">How many files and directories it is, itself included.</param>
/// <param name="Bytes">Their size together.</param>
internal readonly record struct Measured(FileState State, long Files, long Bytes);

/// <content>What is asked before something is changed.</content>
internal sealed partial class ProjectFolder
{
    // What one call moves at most, and how deep: the walk holds a handle for each level.
    private const int MaxMoved = 1_000_000;
    private const int MaxMovedDepth = 500;

    /// <summary>What there is at a path that is to be moved as a whole.</summary>
    /// <exception cref="ProblemException">There is nothing, or it may not be moved.</exception>
    public Measured Measure(ProjectPath path)
    {
        RefuseWhenReadOnly();
        if (path.IsRoot)
        {
            throw new ProblemException("The project's own directory can be neither moved nor deleted.");
        }

        using var parent = HoldParent(path);
        var state = RequireVisible(parent, path);
        if (state.Kind == FileKind.File)
        {
            RequireOneName(state, path);
            return new(state, 1, state.Size);
        }

        if (rules.HidesSomethingIn(path))
        {
            throw HasHidden(path);
        }

        Require(parent.OpenDirectory(path.Name, out var held), path);
        using (held)
        {
            var measured = new Measured(state, 1, 0);
            Walk(held!, path, 1, ref measured);
            return measured;
        }
    }

    /// <summary>Whether a file or directory could be made at a path.</summary>
    /// <exception cref="ProblemException">There is no directory for it, or nothing may be made there.</exception>
    public bool IsFree(ProjectPath path)
    {
        RefuseWhenReadOnly();
        using var parent = HoldParentToWrite(path);
        return !path.IsRoot && parent.Inspect(path.Name, out _) == DiskFault.Missing;
    }

    /// <exception cref="ProblemException">There is something at the path, or no directory for it.</exception>
    public void RequireFree(ProjectPath path) => Require(IsFree(path) ? DiskFault.None : DiskFault.Exists, path);

    private static ProblemException HasHidden(ProjectPath path) =>
        new($"{DiskFaults.Quote(path)} holds something that this project does not show, so it can be neither moved nor deleted as a whole.");

    private void Walk(HeldDirectory held, ProjectPath whole, int depth, ref Measured measured)
    {
        Require(held.ReadNames(MaxMoved + 1, out var names), whole);
        if (depth > MaxMovedDepth || measured.Files + names.Count > MaxMoved)
        {
            throw new ProblemException($"{DiskFaults.Quote(whole)} is too large to be moved or deleted as a whole.");
        }

        foreach (var name in names)
        {
            if (rules.Ignores(name))
            {
                throw HasHidden(whole);
            }

            var fault = held.Inspect(name, out var state);
            if (fault == DiskFault.Elsewhere)
            {
                throw new ProblemException($"Another file system is mounted in {DiskFaults.Quote(whole)}, so it can be neither moved nor deleted.");
            }

            measured = measured with { Files = measured.Files + 1, Bytes = measured.Bytes + (state.Kind == FileKind.File ? state.Size : 0) };
            if (fault == DiskFault.None && state.Kind == FileKind.Directory && held.OpenDirectory(name, out var inner) == DiskFault.None)
            {
                using (inner)
                {
                    Walk(inner!, whole, depth + 1, ref measured);
                }
            }
        }
    }

    private FileState RequireVisible(HeldDirectory parent, ProjectPath path)
    {
        var fault = parent.Inspect(path.Name, out var state);
        return fault == DiskFault.None && IsVisible(state) ? state : throw DiskFaults.WhenReading(fault == DiskFault.None ? DiskFault.Missing : fault, path);
    }

    private void RequireOneName(FileState state, ProjectPath path) =>
        Require(state.Links > 1 && rules.HardLinks != HardLinks.Write ? DiskFault.Denied : DiskFault.None, path);

    // Under the gate: what was measured is still what has this name.
    private void RequireSame(HeldDirectory parent, ProjectPath path, FileState measured)
    {
        var state = RequireVisible(parent, path);
        if (state.Id != measured.Id || state.Kind != measured.Kind)
        {
            throw Changed(path);
        }
    }

    private FileState RequireUnchanged(HeldDirectory parent, ProjectPath path, string ifMatch)
    {
        if (path.IsRoot)
        {
            throw NotAFile(path);
        }

        var state = RequireVisible(parent, path);
        if (state.Kind == FileKind.Directory)
        {
            throw NotAFile(path);
        }

        RequireOneName(state, path);
        return string.Equals(state.Etag, ifMatch, StringComparison.Ordinal) ? state : throw Changed(path);
    }

    private HeldDirectory HoldParentToWrite(ProjectPath path)
    {
        // What is hidden is not made either: it would be there, and nobody could see it.
        if (rules.Hides(path))
        {
            throw DiskFaults.WhenWriting(DiskFault.Denied, path);
        }

        var fault = TryHold(path.Parent, out var held);
        return held ?? throw (fault is DiskFault.Missing or DiskFault.Elsewhere
            ? new ProblemException($"There is no directory at {DiskFaults.Quote(path.Parent)} to put it in.")
            : DiskFaults.WhenWriting(fault, path));
    }
}
