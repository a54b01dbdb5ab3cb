using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant changes them. Nothing is ever overwritten without its etag, and every version that is replaced goes to the trash.</summary>
internal sealed class WritingTools(Places places, Changes changes, Caller caller)
{
    [McpServerTool(Name = "create_directory", Title = "Create a directory", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Creates a directory, and the directories around it that are missing. A directory that is already there is no error.")]
    public async Task<FileEntry> CreateDirectoryAsync(
        [Description("The directory's path in the project, such as notes/2026.")] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.MakeDirectoryAsync(caller, place, path, cancellationToken);
    }

    [McpServerTool(Name = "write_file", Title = "Write a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Creates a text file. With if_match it replaces the version of the file that has this etag, which goes to the trash; without, it never overwrites. The directory must exist: create_directory makes one. To change a part of a file, use edit_file.")]
    public async Task<FileEntry> WriteFileAsync(
        [Description(Arguments.FilePath)] string path,
        [Description("The whole new text of the file.")] string content,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("The etag of the version to replace, as a read or a listing gave it."), StringLength(64, MinimumLength = 1)] string? if_match = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.WriteAsync(caller, place, path, content, if_match, cancellationToken);
    }

    [McpServerTool(Name = "append_file", Title = "Append to a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Adds text to the end of a text file, exactly as given: start with a line break where one is needed. Creates the file when there is none. The version before goes to the trash.")]
    public async Task<FileEntry> AppendFileAsync(
        [Description(Arguments.FilePath)] string path,
        [Description("The text to add.")] string content,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.AppendAsync(caller, place, path, content, cancellationToken);
    }

    [McpServerTool(Name = "edit_file", Title = "Edit a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Replaces text in a text file, and shows what changed as a unified diff. Edits are made one after the other, all or none; each old_text must stand in the file exactly once. The version before goes to the trash. The first part of the answer is the diff, the second describes the file.")]
    public async Task<IEnumerable<ContentBlock>> EditFileAsync(
        [Description(Arguments.FilePath)] string path,
        [Description("What to replace."), Length(1, 100)] Edit[] edits,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("True to change nothing and see the diff.")] bool dry_run = false,
        [Description("The etag of the version that the edits are meant for. Left out: the version that is there."), StringLength(64, MinimumLength = 1)] string? if_match = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        var edited = await changes.EditAsync(caller, place, path, edits, dry_run, if_match, cancellationToken);
        return [new TextContentBlock { Text = edited.Diff }, new TextContentBlock { Text = JsonSerializer.Serialize(edited.Given, ToolsSetup.Json) }];
    }

    [McpServerTool(Name = "copy_file", Title = "Copy a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Copies one file of the project to another path of it. Never overwrites; the directory must exist.")]
    public async Task<FileEntry> CopyFileAsync(
        [Description(Arguments.FilePath)] string source,
        [Description("The path of the copy, with its name.")] string destination,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.CopyAsync(caller, place, source, destination, cancellationToken);
    }

    [McpServerTool(Name = "move_file", Title = "Move or rename", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Moves or renames a file, or a directory with all that is in it, inside the project. Never overwrites; the directory that it goes to must exist.")]
    public async Task<FileEntry> MoveFileAsync(
        [Description("The path of the file or directory.")] string source,
        [Description("The new path, with the name.")] string destination,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ChangeFiles, cancellationToken);
        return await changes.MoveAsync(caller, place, source, destination, cancellationToken);
    }
}
