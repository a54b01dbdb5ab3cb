using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Projects as an assistant sees them.</summary>
internal sealed class ProjectTools(Projects projects, Caller caller)
{
    private const int MaxListed = 500;

    [McpServerTool(Name = "list_projects", Title = "List projects", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Lists the projects that the user is a member of, with their role in each.")]
    public async Task<ProjectList> ListAsync(CancellationToken cancellationToken)
    {
        var found = await projects.ListAsync(caller, MaxListed + 1, cancellationToken);
        return new ProjectList([.. found.Take(MaxListed).Select(ProjectInfo.Of)], found.Count > MaxListed);
    }

    [McpServerTool(Name = "get_project", Title = "Get a project", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Describes one project: its title, the user's role in it, and how many members it has.")]
    public async Task<ProjectInfo> GetAsync([Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project, CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.FindAsync(caller, project, Role.Reader, cancellationToken));

    [McpServerTool(Name = "create_project", Title = "Create a project", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsWrite)]
    [Description("Creates an empty project that the user owns. The answer has the slug that other tools take.")]
    public async Task<ProjectInfo> CreateAsync(
        [Description("The title, for people to read."), StringLength(200, MinimumLength = 1)] string title, CancellationToken cancellationToken) =>
        ProjectInfo.Of(await projects.CreateAsync(caller, title, cancellationToken));
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
internal sealed record ProjectInfo(string Slug, string Title, string Role, long Members, string Created)
{
    public static ProjectInfo Of(Project project) => new(project.Slug, project.Title, project.Role, project.Members, project.CreatedAt);
}
