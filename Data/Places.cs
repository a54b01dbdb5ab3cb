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
}

/// <summary>Finds the place of a call. Membership and role are read from the database each time: nothing that was found before counts.</summary>
internal sealed class Places(Projects projects, ProjectFolders folders)
{
    /// <summary>The folder of a project, for a member with at least this role.</summary>
    /// <exception cref="ProblemException">There is no such project for this person; or his role is too low.</exception>
    public async Task<Place> OpenAsync(IPerson person, string project, Role role, CancellationToken cancellationToken)
    {
        var found = await projects.FindAsync(person, project, role, cancellationToken);
        return new Place(found, folders.Of(found.Slug), ProjectPath.Root);
    }
}
