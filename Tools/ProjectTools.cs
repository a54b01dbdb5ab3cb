using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Projects as an assistant sees them.</summary>
internal sealed class ProjectTools(Projects projects, History history, Caller caller)
{
    private const int MaxListed = 500;

    [McpServerTool(Name = "list_projects", Title = "List projects", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Lists the projects that the user is a member of, with their role in each. Other tools take the slug as project.")]
    public async Task<ProjectList> ListAsync([Description("Whether to list archived projects too.")] bool archived = false, CancellationToken cancellationToken = default)
    {
        var found = await projects.ListAsync(caller, archived, MaxListed + 1, cancellationToken);
        return new ProjectList([.. found.Take(MaxListed).Select(ProjectInfo.Of)], found.Count > MaxListed);
    }

    [McpServerTool(Name = "get_project", Title = "Get a project", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Describes one project: its title, the user's role in it, how many members it has, and whether it is archived.")]
    public ProjectInfo Get([Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project) =>
        ProjectInfo.Of(projects.Find(caller, project, Roles.SeeProject));

    [McpServerTool(Name = "create_project", Title = "Create a project", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsWrite)]
    [Description("Creates an empty project that the user owns. The answer has the slug that other tools take.")]
    public async Task<ProjectInfo> CreateAsync(
        [Description(Title), StringLength(200, MinimumLength = 1)] string title, CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.CreateAsync(caller, title, cancellationToken));

    [McpServerTool(Name = "update_project", Title = "Rename a project", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsWrite)]
    [Description("Gives a project another title. Its slug stays. Only owners can.")]
    public async Task<ProjectInfo> UpdateAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(Title), StringLength(200, MinimumLength = 1)] string title,
        CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.RenameAsync(caller, project, title, cancellationToken));

    [McpServerTool(Name = "archive_project", Title = "Archive a project", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsWrite)]
    [Description("Puts a project away: its files can be read and no longer changed. restore_project undoes it. Only owners can.")]
    public async Task<ProjectInfo> ArchiveAsync([Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project, CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.ArchiveAsync(caller, project, cancellationToken));

    [McpServerTool(Name = "restore_project", Title = "Restore a project", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsWrite)]
    [Description("Takes a project out of the archive. Only owners can.")]
    public async Task<ProjectInfo> RestoreAsync([Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project, CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.RestoreAsync(caller, project, cancellationToken));

    [McpServerTool(Name = "list_activity", Title = "List activity", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Lists what was done in a project, or in all of the user's projects, by whom and when; the latest first.")]
    public async Task<ActivityList> ListActivityAsync(
        [Description("The project's slug, as list_projects gives it. Left out: all of the user's projects."), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description("How many entries to give at most."), Range(1, 500)] int limit = 50,
        CancellationToken cancellationToken = default)
    {
        var found = await history.ListAsync(caller, project, limit + 1, cancellationToken);
        return new ActivityList([.. found.Take(limit).Select(ActivityInfo.Of)], found.Count > limit);
    }

    private const string Title = "The title, for people to read: one line.";
}

/// <summary>The caller's projects.</summary>
/// <param name="Projects">Ordered by slug.</param>
/// <param name="Truncated">Whether there are more than are listed.</param>
internal sealed record ProjectList(IReadOnlyList<ProjectInfo> Projects, bool Truncated);

/// <summary>One project.</summary>
/// <param name="Slug">What other tools take as <c>project</c>.</param>
/// <param name="Title">For people to read.</param>
/// <param name="Role">The caller's role: owner, editor or reader.</param>
/// <param name="Members">How many members it has.</param>
/// <param name="Created">When it was made, in UTC.</param>
/// <param name="Archived">Whether it is archived.</param>
internal sealed record ProjectInfo(string Slug, string Title, string Role, long Members, string Created, bool Archived)
{
    public static ProjectInfo Of(Project project) =>
        new(project.Slug, project.Title, project.Role, project.Members, project.CreatedAt, project.ArchivedAt is not null);
}

/// <summary>What was done, the latest first.</summary>
/// <param name="Activity">At most as many entries as were asked for.</param>
/// <param name="Truncated">Whether there is more.</param>
internal sealed record ActivityList(IReadOnlyList<ActivityInfo> Activity, bool Truncated);

/// <summary>Something that was done.</summary>
/// <param name="Project">The project's slug.</param>
/// <param name="At">When, in UTC.</param>
/// <param name="By">The name of who did it.</param>
/// <param name="Action">The tool that did it.</param>
/// <param name="Path">To which file or directory, if to one.</param>
/// <param name="Detail">What else there is to say, such as where it was moved.</param>
internal sealed record ActivityInfo(string Project, string At, string By, string Action, string? Path = null, string? Detail = null)
{
    public static ActivityInfo Of(Deed deed) => new(deed.Project, deed.At, deed.By, deed.Action, deed.Path, deed.Detail);
}
