namespace McpFilesServer.Data;

/// <summary>
/// The directory of one project: the only type in the product that opens its files. Each operation holds the directory around its target and then
/// acts on one name inside it. Only regular files and directories exist here; a link, a device, a second name of a file elsewhere or another
/// mount answers as if there were nothing.
/// </summary>
/// <param name="absoluteRoot">Where the project is. Its own last component must not be a link.</param>
/// <param name="rules">What may be done in it, and what of it can be seen.</param>
internal sealed partial class ProjectFolder(string absoluteRoot, FolderRules rules)
{
    /// <summary>What is at a path.</summary>
    /// <exception cref="ProblemException">There is nothing that may be seen.</exception>
    public FileEntry Describe(ProjectPath path)
    {
        if (path.IsRoot)
        {
            using var root = Hold(path);
            return FileEntry.From(path, root.State);
        }

        using var parent = HoldParent(path);
        var fault = parent.Inspect(path.Name, out var state);
        return fault == DiskFault.None && IsVisible(state)
            ? FileEntry.From(path, state)
            : throw DiskFaults.WhenReading(fault == DiskFault.None ? DiskFault.Missing : fault, path);
    }

    /// <summary>Opens a file for reading; its entry is of the file that was opened, whatever happens to the name afterwards.</summary>
    /// <exception cref="ProblemException">There is no such file.</exception>
    public OpenedFile OpenRead(ProjectPath path)
    {
        if (path.IsRoot)
        {
            throw NotAFile(path);
        }

        using var parent = HoldParent(path);
        var fault = parent.OpenFile(path.Name, out var handle, out var state);
        if (handle is null)
        {
            throw DiskFaults.WhenReading(fault, path);
        }

        if (state.Kind == FileKind.File && IsVisible(state))
        {
            return new(handle, FileEntry.From(path, state));
        }

        handle.Dispose();
        throw state.Kind == FileKind.Directory ? NotAFile(path) : DiskFaults.WhenReading(DiskFault.Missing, path);
    }

    private static ProblemException NotAFile(ProjectPath path) => new($"There is a directory at {DiskFaults.Quote(path)}, not a file.");

    private static ProblemException NoDirectory(ProjectPath path) => new($"There is no directory at {DiskFaults.Quote(path)}.");

    private bool IsVisible(FileState state) => OpenedDirectory.IsVisible(state, rules);

    private HeldDirectory HoldParent(ProjectPath path)
    {
        HeldDirectory? held = null;
        var fault = rules.Hides(path) ? DiskFault.Missing : TryHold(path.Parent, out held);
        return held ?? throw DiskFaults.WhenReading(fault, path);
    }

    private HeldDirectory Hold(ProjectPath directory)
    {
        var fault = TryHold(directory, out var held);
        return held ?? throw (fault is DiskFault.Missing or DiskFault.Denied or DiskFault.Elsewhere ? NoDirectory(directory) : DiskFaults.WhenReading(fault, directory));
    }

    private DiskFault TryHold(ProjectPath directory, out HeldDirectory? held)
    {
        if (rules.Hides(directory))
        {
            held = null;
            return DiskFault.Missing;
        }

        var fault = HeldDirectory.OpenRoot(absoluteRoot, rules.WithoutOpenAt2, out var root);
        held = root;
        if (root is null || directory.IsRoot)
        {
            return fault;
        }

        using (root)
        {
            return root.Open(directory, out held);
        }
    }
}
