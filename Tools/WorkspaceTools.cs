using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Places to work in, which other tools take instead of a project.</summary>
internal sealed class WorkspaceTools(Places places, Workspaces workspaces, Caller caller)
{
    [McpServerTool(Name = "open_workspace", Title = "Open a workspace", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Opens a workspace on a directory of a project. File tools take its handle as workspace in place of project, and their paths then start in that directory.")]
    public async Task<WorkspaceInfo> OpenAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description("The directory's path in the project. Left out: the project's top."), StringLength(4096)] string path = "",
        CancellationToken cancellationToken = default)
    {
        var place = (await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken)).In(path);
        return new WorkspaceInfo(await workspaces.OpenAsync(caller, place, cancellationToken), project, place.Base.Text);
    }

    [McpServerTool(Name = "close_workspace", Title = "Close a workspace", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Closes a workspace. Its files are not touched.")]
    public async Task<WorkspaceClosed> CloseAsync([Description("The handle of the workspace, as open_workspace gave it."), StringLength(64, MinimumLength = 1)] string workspace, CancellationToken cancellationToken) =>
        await workspaces.CloseAsync(caller, workspace, cancellationToken) ? new WorkspaceClosed(workspace) : throw new ProblemException(Places.NoWorkspace);
}

/// <summary>An open workspace.</summary>
/// <param name="Workspace">Its handle: what file tools take as <c>workspace</c>. It is of use to this person and client only, and grants nothing.</param>
/// <param name="Project">The slug of its project.</param>
/// <param name="Path">The directory in the project; empty for the project's top.</param>
internal sealed record WorkspaceInfo(string Workspace, string Project, string Path);

/// <summary>A workspace that is no more.</summary>
internal sealed record WorkspaceClosed(string Workspace);
