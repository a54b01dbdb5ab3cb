namespace McpFilesServer.Data;

/// <summary>Where a call acts: a project that the caller is a member of, and its folder.</summary>
/// <param name="Project">The project, as the caller sees it.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="Base">The directory in it that the caller's paths start from.</param>
internal sealed record Place(Project Project, ProjectFolder Folder, ProjectPath Base)
{
    /// <summary>A path as a caller writes it.</summary>
    /// <exception cref="ProblemException">The path is refused.</exception>
    public ProjectPath Path(string text) => Base.Join(ProjectPath.Parse(text));

    /// <summary>The same project from one of its directories.</summary>
    /// <exception cref="ProblemException">There is no such directory.</exception>
    public Place In(string path)
    {
        var start = Path(path);
        return Folder.Describe(start).Type == "directory" ? this with { Base = start } : throw new ProblemException($"There is a file at {DiskFaults.Quote(start)}, not a directory.");
    }
}

/// <summary>Finds the place of a call. Membership and role are read from the database each time: nothing that was found before counts.</summary>
internal sealed class Places(Projects projects, ProjectFolders folders, Workspaces workspaces)
{
    /// <summary>The same answer for a handle of somebody else, one that has expired, one that never was, and one whose project the caller has left.</summary>
    public const string NoWorkspace = "You have no workspace of this handle. open_workspace gives one.";

    /// <summary>The folder of a project, or of the project that a workspace is in, for a member with at least this role.</summary>
    /// <exception cref="ProblemException">There is no such project or workspace for this person; his role is too low; or it is archived, and this would change it.</exception>
    public async Task<Place> OpenAsync(ICaller caller, string? project, string? workspace, Role role, CancellationToken cancellationToken)
    {
        if (project is null == workspace is null)
        {
            throw new ProblemException("Name a project or a workspace, and not both.");
        }

        return project is not null
            ? Open(projects.Find(caller, project, role), ProjectPath.Root, role)
            : Open(caller, await workspaces.FindAsync(caller, workspace!, cancellationToken), role);
    }

    private Place Open(IPerson person, Workspace? workspace, Role role) =>
        workspace is not null && projects.Seek(person, workspace.Slug) is { } project
            ? Open(Projects.Require(project, role), ProjectPath.Parse(workspace.Path), role)
            : throw new ProblemException(NoWorkspace);

    private Place Open(Project project, ProjectPath start, Role role) =>
        project.ArchivedAt is not null && role > Roles.ReadFiles
            ? throw new ProblemException($"'{project.Slug}' is archived: its files can be read and not changed. An owner brings it back with restore_project.")
            : new Place(project, folders.Of(project.Slug), start);
}
