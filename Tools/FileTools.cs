using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Role = McpFilesServer.Data.Role;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant sees them. Paths are relative to the project and separated by <c>/</c>.</summary>
internal sealed class FileTools(Projects projects, Files files, Caller caller)
{
    private const string FilePath = "The file's path in the project, such as plan.md.";

    [McpServerTool(Name = "list_directory", Title = "List a directory", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Lists files and directories in one directory of a project, with type, size, time of change and etag.")]
    public async Task<DirectoryListing> ListDirectoryAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description("The directory's path in the project. Left out: the project's top.")] string path = "",
        [Description("What to sort by: name (ascending), size (largest first) or modified (newest first)."), AllowedValues("name", "size", "modified")] string sort = "name",
        [Description("How many entries to give at most."), Range(1, 1000)] int limit = 200,
        CancellationToken cancellationToken = default)
    {
        var found = await projects.FindAsync(caller, project, Role.Reader, cancellationToken);
        return files.List(found.Slug, path, sort, limit);
    }

    [McpServerTool(Name = "read_text_file", Title = "Read a text file", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Reads a text file: the whole of it, its first or last lines, or a range of lines. The first part of the answer is the text, the second describes what was given.")]
    public async Task<IEnumerable<ContentBlock>> ReadTextFileAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(FilePath)] string path,
        [Description("Give only this many lines from the start."), Range(1, int.MaxValue)] int? head = null,
        [Description("Give only this many lines from the end."), Range(1, int.MaxValue)] int? tail = null,
        [Description("Give lines from this one on; the first is 1."), Range(1, int.MaxValue)] int? start_line = null,
        [Description("Give lines up to this one."), Range(1, int.MaxValue)] int? end_line = null,
        CancellationToken cancellationToken = default)
    {
        var found = await projects.FindAsync(caller, project, Role.Reader, cancellationToken);
        var part = await files.ReadTextAsync(found.Slug, path, LineRange.Of(head, tail, start_line, end_line), cancellationToken);
        // No structured content: several clients show the model only that when there is any, and the text is what was asked for.
        return [new TextContentBlock { Text = part.Text }, new TextContentBlock { Text = JsonSerializer.Serialize(part.Given, ToolsSetup.Json) }];
    }

    [McpServerTool(Name = "write_file", Title = "Write a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Creates a text file. With if_match it replaces the version of the file that has this etag; without, it never overwrites. The directory must exist.")]
    public async Task<FileEntry> WriteFileAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(FilePath)] string path,
        [Description("The whole new text of the file.")] string content,
        [Description("The etag of the version to replace, as a read or a listing gave it."), StringLength(64, MinimumLength = 1)] string? if_match = null,
        CancellationToken cancellationToken = default)
    {
        var found = await projects.FindAsync(caller, project, Role.Editor, cancellationToken);
        return files.Write(found.Slug, path, content, if_match);
    }
}
