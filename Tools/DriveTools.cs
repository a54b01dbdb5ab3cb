using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>The caller's own OneDrive, as he himself may use it: what is in it, and files from there into a project and back.</summary>
internal sealed class DriveTools(Drive drive, DriveUploads uploads, Places places, Files files, Changes changes, Cursors cursors, Caller caller)
{
    private const string DrivePathOfFile = "The file's path in the user's OneDrive, such as Documents/plan.md.";

    [McpServerTool(Name = "list_drive", Title = "List OneDrive", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.DriveRead)]
    [Downstream(Graph.Resource, "Files.Read")]
    [Description("Lists files and folders in one folder of the user's own OneDrive. A next_cursor in the answer means that there is more. import_from_drive brings a file into a project.")]
    public async Task<DriveListing> ListDriveAsync(
        [Description("The folder's path in the user's OneDrive, such as Documents. Left out: the top."), StringLength(DrivePath.MaxLength)] string path = "",
        [Description("How many entries to give at most; with a cursor, as many as on the first page."), Range(1, 200)] int limit = 100,
        [Description(Cursors.Argument), StringLength(Cursors.MaxLength, MinimumLength = 1)] string? cursor = null,
        CancellationToken cancellationToken = default)
    {
        var folder = DrivePath.Parse(path);
        var pages = cursors.Of("list_drive", folder.Text);
        var page = await drive.ListAsync(folder, pages.Open<DriveMark>(cursor), limit, cancellationToken);
        return new DriveListing(folder.Text, page.Entries, pages.Seal(page.Next), page.Hidden == 0 ? null : page.Hidden);
    }

    [McpServerTool(Name = "import_from_drive", Title = "Import from OneDrive", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.DriveRead, Scopes.FilesWrite)]
    [Downstream(Graph.Resource, "Files.Read")]
    [Description("Copies one file from the user's own OneDrive into a project. Never overwrites; the directory must exist: create_directory makes one.")]
    public async Task<FileEntry> ImportFromDriveAsync(
        [Description(DrivePathOfFile), StringLength(DrivePath.MaxLength, MinimumLength = 1)] string drive_path,
        [Description(Arguments.FilePath)] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        var file = await drive.FindAsync(DrivePath.ParseFile(drive_path), cancellationToken);
        return await changes.ImportAsync(caller, place, path, file, cancellationToken);
    }

    [McpServerTool(Name = "export_to_drive", Title = "Export to OneDrive", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead, Scopes.DriveWrite)]
    [Downstream(Graph.Resource, "Files.ReadWrite")]
    [AsksHuman<ExportToDriveQuestion>]
    [Description("Copies one file of a project to the user's own OneDrive, out of the project. The user is asked first. Never overwrites; folders that are missing are made.")]
    public async Task<DriveEntry> ExportToDriveAsync(
        [Description(Arguments.FilePath)] string path,
        [Description(DrivePathOfFile), StringLength(DrivePath.MaxLength, MinimumLength = 1)] string drive_path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        using var file = files.OpenToExport(place, path);
        return await uploads.SendAsync(file, DrivePath.ParseFile(drive_path), cancellationToken);
    }
}

/// <summary>A page of what is in a folder of a drive.</summary>
/// <param name="Path">The folder, from the top of the drive.</param>
/// <param name="Entries">Its files and folders.</param>
/// <param name="NextCursor">What to ask for the next page with; left out on the last.</param>
/// <param name="Hidden">How many more there are on this page whose names have characters that nobody sees; left out when there are none.</param>
internal sealed record DriveListing(string Path, IReadOnlyList<DriveEntry> Entries, string? NextCursor = null, int? Hidden = null);
