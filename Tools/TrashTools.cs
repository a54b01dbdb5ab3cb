using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>What an assistant deletes goes to the project's trash, and comes back from it.</summary>
internal sealed class TrashTools(Places places, Changes changes, Trash trash, Cursors cursors, Caller caller)
{
    [McpServerTool(Name = "delete_file", Title = "Delete a file or directory", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesDelete)]
    [Description("Moves a file, or a directory with all that is in it, to the project's trash. restore_file brings it back, by the trash_id in the answer.")]
    public async Task<TrashItem> DeleteFileAsync(
        [Description("The path of the file or directory.")] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.DeleteAsync(caller, place, path, cancellationToken);
    }

    [McpServerTool(Name = "list_trash", Title = "List the trash", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Lists what is in a project's trash, newest first: deleted files and directories, and the versions of files that were replaced. A next_cursor in the answer means that there is more.")]
    public async Task<TrashList> ListTrashAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("How many entries to give at most."), Range(1, 1000)] int limit = 200,
        [Description(Cursors.Argument), StringLength(Cursors.MaxLength, MinimumLength = 1)] string? cursor = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        var pages = cursors.Of("list_trash", place.Project.Slug);
        var (entries, next) = await trash.PageAsync(place, pages.Open<TrashMark>(cursor), limit, cancellationToken);
        return new TrashList(entries, pages.Seal(next));
    }

    [McpServerTool(Name = "restore_file", Title = "Restore from the trash", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Brings a file or directory back from the project's trash to where it was. When there is something by now, it gets a free name beside it; the answer says which. Directories that are gone are made again.")]
    public async Task<Restored> RestoreFileAsync(
        [Description("The trash_id, as list_trash or delete_file gave it."), StringLength(64, MinimumLength = 1)] string trash_id,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await trash.RestoreAsync(caller, place, trash_id, cancellationToken);
    }

    [McpServerTool(Name = "purge_trash", Title = "Empty the trash", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesDelete)]
    [AsksHuman<PurgeTrashQuestion>]
    [Description("Removes one thing, or all there is, from a project's trash for good. The user is asked first. Only owners can.")]
    public async Task<TrashPurged> PurgeTrashAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("The trash_id, as list_trash gave it. Left out: everything in the trash."), StringLength(64, MinimumLength = 1)] string? trash_id = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.EmptyTrash, cancellationToken);
        return new TrashPurged(await trash.PurgeAsync(caller, place, trash_id, cancellationToken));
    }
}

/// <summary>A page of what is in a project's trash.</summary>
/// <param name="Entries">Newest first.</param>
/// <param name="NextCursor">What to ask for the next page with; left out on the last.</param>
internal sealed record TrashList(IReadOnlyList<TrashItem> Entries, string? NextCursor = null);

/// <summary>How many things were removed from the trash for good.</summary>
internal sealed record TrashPurged(int Removed);
