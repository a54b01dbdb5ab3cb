namespace McpFilesServer.Data;

/// <content>What changes a project. Every change happens in one step, under the gate of the directory that it changes.</content>
internal sealed partial class ProjectFolder
{
    // Whatever the operator's umask leaves of it; the project's directory itself is closed to others.
    private const UnixFileMode NewFile = UnixFileMode.UserRead | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // Shared by all folders, because each request may make its own: two writers meet at the gate of the directory's number, not of its name.
    // Several directories may share a gate; that costs a little waiting and nothing else.
    private static readonly Lock[] Gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];

    /// <summary>Creates the project's directory, open to the server alone. That it is already there is no failure.</summary>
    /// <exception cref="ProblemException">It could not be created.</exception>
    public void CreateRoot()
    {
        RefuseWhenReadOnly();
        try
        {
            _ = OperatingSystem.IsWindows()
                ? Directory.CreateDirectory(absoluteRoot)
                : Directory.CreateDirectory(absoluteRoot, OwnerOnly | UnixFileMode.UserExecute);
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
        RefuseWhenReadOnly();
        using var parent = HoldParentToWrite(path);

        // Only saves the work: the rename below is what refuses to replace.
        if (path.IsRoot || parent.Inspect(path.Name, out _) != DiskFault.Missing)
        {
            throw DiskFaults.WhenWriting(DiskFault.Exists, path);
        }

        Require(TemporaryFile.Write(parent, content, NewFile, out var temporary), path);
        using (temporary)
        {
            Require(temporary!.Place(path.Name, replace: false, out var state), path);
            return FileEntry.From(path, state);
        }
    }

    /// <summary>Replaces the content of a file, provided that it is still the one with this etag. It keeps its permissions.</summary>
    /// <exception cref="ProblemException">There is no such file, it has changed, or it could not be written.</exception>
    public FileEntry Replace(ProjectPath path, ReadOnlySpan<byte> content, string ifMatch)
    {
        RefuseWhenReadOnly();
        if (path.IsRoot)
        {
            throw NotAFile(path);
        }

        using var parent = HoldParent(path);
        RequireUnchanged(parent, path, ifMatch);
        Require(TemporaryFile.Write(parent, content, OwnerOnly, out var temporary), path);
        using (temporary)
        using (Enter(parent))
        {
            // Once more, now that no other writer can come between: the first time only saved the work.
            var current = RequireUnchanged(parent, path, ifMatch);
            Require(temporary!.SetMode(current.Mode), path);
            Require(temporary.Place(path.Name, replace: true, out var state), path);
            return FileEntry.From(path, state);
        }
    }

    private static Lock.Scope Enter(HeldDirectory directory) => Gates[(int)(directory.State.Id % (ulong)Gates.Length)].EnterScope();

    private static void Require(DiskFault fault, ProjectPath path)
    {
        if (fault != DiskFault.None)
        {
            throw DiskFaults.WhenWriting(fault, path);
        }
    }

    private FileState RequireUnchanged(HeldDirectory parent, ProjectPath path, string ifMatch)
    {
        var fault = parent.Inspect(path.Name, out var state);
        if (fault != DiskFault.None || !IsVisible(state))
        {
            throw DiskFaults.WhenReading(fault == DiskFault.None ? DiskFault.Missing : fault, path);
        }

        if (state.Kind == FileKind.Directory)
        {
            throw NotAFile(path);
        }

        if (state.Links > 1 && rules.HardLinks != HardLinks.Write)
        {
            throw DiskFaults.WhenWriting(DiskFault.Denied, path);
        }

        return string.Equals(state.Etag, ifMatch, StringComparison.Ordinal)
            ? state
            : throw new ProblemException($"The file at {DiskFaults.Quote(path)} has changed; read it again and decide what to write.");
    }

    private HeldDirectory HoldParentToWrite(ProjectPath path)
    {
        // What is hidden is not made either: it would be there, and nobody could see it.
        if (rules.Hides(path))
        {
            throw DiskFaults.WhenWriting(DiskFault.Denied, path);
        }

        var fault = TryHold(path.Parent, out var held);
        return held ?? throw (fault == DiskFault.Missing
            ? new ProblemException($"There is no directory at {DiskFaults.Quote(path.Parent)} to put the file in.")
            : DiskFaults.WhenWriting(fault, path));
    }

    private void RefuseWhenReadOnly()
    {
        if (rules.ReadOnly)
        {
            throw DiskFaults.WhenWriting(DiskFault.ReadOnly, ProjectPath.Root);
        }
    }
}
