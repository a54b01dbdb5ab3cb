using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant reads them. Paths are relative to the project and separated by <c>/</c>.</summary>
internal sealed class ReadingTools(Places places, Files files, Caller caller)
{
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
        var place = await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken);
        return Files.List(place, path, sort, limit);
    }

    [McpServerTool(Name = "read_text_file", Title = "Read a text file", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Reads a text file: the whole of it, its first or last lines, or a range of lines. The first part of the answer is the text, the second describes what was given.")]
    public async Task<IEnumerable<ContentBlock>> ReadTextFileAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(Arguments.FilePath)] string path,
        [Description("Give only this many lines from the start."), Range(1, int.MaxValue)] int? head = null,
        [Description("Give only this many lines from the end."), Range(1, int.MaxValue)] int? tail = null,
        [Description("Give lines from this one on; the first is 1."), Range(1, int.MaxValue)] int? start_line = null,
        [Description("Give lines up to this one."), Range(1, int.MaxValue)] int? end_line = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken);
        var part = await files.ReadTextAsync(place, path, LineRange.Of(head, tail, start_line, end_line), cancellationToken);
        // No structured content: several clients show the model only that when there is any, and the text is what was asked for.
        return [new TextContentBlock { Text = part.Text }, new TextContentBlock { Text = JsonSerializer.Serialize(part.Given, ToolsSetup.Json) }];
    }
}
