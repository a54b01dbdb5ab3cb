namespace McpFilesServer.Data;

/// <content>What changes a project's files. Every change happens in one step; what is compared first is compared under the gate of its directory.</content>
internal sealed partial class ProjectFolder
{
    // Whatever the operator's umask leaves of it; the project's directory itself is closed to others.
    private const UnixFileMode NewFile = UnixFileMode.UserRead | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private const UnixFileMode AllExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // Shared by all folders, because each request may make its own: two writers meet at the gate of the directory's number, not of its name.
    // Several directories may share a gate; that costs a little waiting and nothing else. Nobody holds two: a rename that never replaces needs
    // none where it goes to.
    private static readonly Lock[] Gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];

    /// <summary>Creates the project's directory, open to the server alone. That it is already there is no failure.</summary>
    /// <exception cref="ProblemException">It could not be created.</exception>
    public void CreateRoot()
    {
        RefuseWhenReadOnly();
        try
        {
            _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(absoluteRoot) : Directory.CreateDirectory(absoluteRoot, OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException("The project's directory could not be created.", e);
        }
    }

    /// <summary>Creates a file with this content; never replaces anything.</summary>
    /// <exception cref="ProblemException">There is already something, there is no directory for it, or it could not be written.</exception>
    public FileEntry Create(ProjectPath path, ReadOnlySpan<byte> content)
    {
        using var staged = Stage(path);
        Require(staged.Append(content), path);
        Require(staged.Finish(), path);
        return Place(staged, path);
    }

    /// <summary>Begins new content for a path, in the project's own directory. Whoever disposes it before it has its place removes it.</summary>
    /// <param name="path">Where it will go; there must be a directory for it.</param>
    /// <param name="mode">Its permissions, of which the umask leaves some.</param>
    /// <exception cref="ProblemException">The path may not be written to, or nothing can be written at all.</exception>
    public TemporaryFile Stage(ProjectPath path, UnixFileMode mode = NewFile)
    {
        RefuseWhenReadOnly();
        HoldParentToWrite(path).Dispose();
        Require(TemporaryFile.Create(HoldOwn(path), mode, out var staged), path);
        return staged!;
    }

    /// <summary>Gives finished content a name that nothing has.</summary>
    /// <exception cref="ProblemException">There is already something, or no directory any more.</exception>
    public FileEntry Place(TemporaryFile staged, ProjectPath path)
    {
        using var parent = HoldParentToWrite(path);
        Require(path.IsRoot ? DiskFault.Exists : DiskFault.None, path);
        Require(staged.Place(parent, path.Name, replace: false, out var state), path);
        return FileEntry.From(path, state);
    }

    /// <summary>
    /// Puts finished content in the place of a file, provided that it is still the version with this etag. In the same step that version comes to
    /// lie in the trash: even when another program has changed the file since it was looked at, what it wrote is there.
    /// </summary>
    /// <exception cref="ProblemException">There is no such file, it has changed, or it could not be written.</exception>
    public FileEntry Replace(TemporaryFile staged, ProjectPath path, string ifMatch)
    {
        using var parent = HoldParent(path);
        var (fault, state) = (DiskFault.NotOffered, default(FileState));
        if (!rules.WithoutExchange)
        {
            using (Enter(parent))
            {
                RequireUnchanged(parent, path, ifMatch);
                fault = staged.Exchange(parent, path.Name, out state);
            }
        }

        if (fault == DiskFault.NotOffered)
        {
            // The second best: the old version is copied first. What another program writes between the comparison and the rename is lost.
            return ReplaceAfterCopying(parent, staged, path, ifMatch);
        }

        Require(fault, path);
        return FileEntry.From(path, state);
    }

    /// <summary>What the system says about a file that is to be changed.</summary>
    /// <exception cref="ProblemException">There is no such file, it may not be changed, or it is no longer the version with this etag.</exception>
    public FileState Changeable(ProjectPath path, string ifMatch)
    {
        RefuseWhenReadOnly();
        using var parent = HoldParent(path);
        return RequireUnchanged(parent, path, ifMatch);
    }

    /// <summary>Gives a file or directory another path; never replaces anything.</summary>
    /// <exception cref="ProblemException">It may not be moved, there is already something, or no directory to put it in.</exception>
    public FileEntry Move(ProjectPath source, ProjectPath destination)
    {
        RefuseWhenReadOnly();
        if ($"{destination.Text}/".StartsWith($"{source.Text}/", StringComparison.Ordinal) && destination.Text != source.Text)
        {
            throw new ProblemException("A directory cannot be moved into itself.");
        }

        var moved = Measure(source).State;
        using var from = HoldParent(source);
        using var to = HoldParentToWrite(destination);
        Require(destination.IsRoot ? DiskFault.Exists : DiskFault.None, destination);
        using (Enter(from))
        {
            RequireSame(from, source, moved);
            Require(from.Rename(source.Name, to, destination.Name, replace: false), destination);
        }

        Require(to.Flush(), destination);
        Require(from.Flush(), source);
        Require(to.Inspect(destination.Name, out var state), destination);
        return FileEntry.From(destination, state);
    }

    private static Lock.Scope Enter(HeldDirectory directory) => Gates[(int)(directory.State.Id % (ulong)Gates.Length)].EnterScope();

    private static void Require(DiskFault fault, ProjectPath path)
    {
        if (fault != DiskFault.None)
        {
            throw fault == DiskFault.Exists ? new ConflictException(DiskFaults.WhenWriting(fault, path).Message) : DiskFaults.WhenWriting(fault, path);
        }
    }

    private static ConflictException Changed(ProjectPath path) =>
        new($"The file at {DiskFaults.Quote(path)} has changed; read it again and decide what to write.");

    private FileEntry ReplaceAfterCopying(HeldDirectory parent, TemporaryFile staged, ProjectPath path, string ifMatch)
    {
        CopyToTrash(parent, path, ifMatch, staged.Id);
        try
        {
            using (Enter(parent))
            {
                RequireUnchanged(parent, path, ifMatch);
                Require(staged.Place(parent, path.Name, replace: true, out var state), path);
                return FileEntry.From(path, state);
            }
        }
        catch when (!staged.IsPlaced)
        {
            Purge(staged.Id);
            throw;
        }
    }

    private void RefuseWhenReadOnly()
    {
        if (rules.ReadOnly)
        {
            throw DiskFaults.WhenWriting(DiskFault.ReadOnly, ProjectPath.Root);
        }
    }
}
