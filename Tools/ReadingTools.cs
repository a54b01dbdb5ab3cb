using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant reads them. Paths are relative to the project and separated by <c>/</c>.</summary>
internal sealed class ReadingTools(Places places, Files files, Cursors cursors, Caller caller)
{
    private const string DirectoryPath = "The directory's path. Left out: the top.";

    [McpServerTool(Name = "list_directory", Title = "List a directory", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Lists files and directories in one directory of a project, with type, size, time of change and etag. A next_cursor in the answer means that there is more.")]
    public async Task<DirectoryListing> ListDirectoryAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description(DirectoryPath)] string path = "",
        [Description("What to sort by: name (ascending), size (largest first) or modified (newest first)."), AllowedValues("name", "size", "modified")] string sort = "name",
        [Description("How many entries to give at most."), Range(1, 1000)] int limit = 200,
        [Description(Cursors.Argument), StringLength(Cursors.MaxLength, MinimumLength = 1)] string? cursor = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        var directory = place.Path(path);
        var pages = cursors.Of("list_directory", place.Project.Slug, directory.Text, sort);
        var page = place.Folder.Page(directory, Enum.Parse<EntryOrder>(sort, ignoreCase: true), pages.Open<EntryMark>(cursor), limit, cancellationToken);
        return new DirectoryListing(directory.Shown, page.Entries, pages.Seal(page.Next));
    }

    [McpServerTool(Name = "directory_tree", Title = "Show a directory tree", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Lists a directory and the directories in it, down to a depth, as one flat list. Where something is left out, the directory has cut: true; list it by itself.")]
    public async Task<DirectoryTree> DirectoryTreeAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description(DirectoryPath)] string path = "",
        [Description("How many levels to show; 1 is the directory's own entries."), Range(1, 16)] int depth = 3,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        return DirectoryTree.Read(place.Folder, place.Path(path), depth, cancellationToken);
    }

    [McpServerTool(Name = "get_file_info", Title = "Describe a file", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Describes a file or directory: type, size, time of change, etag.")]
    public async Task<FileEntry> GetFileInfoAsync(
        [Description(Arguments.FilePath)] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        return place.Folder.Describe(place.Path(path));
    }

    [McpServerTool(Name = "read_text_file", Title = "Read a text file", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Reads a text file: the whole of it, its first or last lines, or a range of lines. The first part of the answer is the text, the second describes what was given.")]
    public async Task<IEnumerable<ContentBlock>> ReadTextFileAsync(
        RequestContext<CallToolRequestParams> request,
        [Description(Arguments.FilePath)] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("Give only this many lines from the start."), Range(1, int.MaxValue)] int? head = null,
        [Description("Give only this many lines from the end."), Range(1, int.MaxValue)] int? tail = null,
        [Description("Give lines from this one on; the first is 1."), Range(1, int.MaxValue)] int? start_line = null,
        [Description("Give lines up to this one."), Range(1, int.MaxValue)] int? end_line = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        var answer = FileAnswer.To(request);
        var part = await files.ReadTextAsync(place, path, LineRange.Of(head, tail, start_line, end_line), answer.Memory, cancellationToken);
        // No structured content: several clients show the model only that when there is any, and the text is what was asked for.
        return [answer.Block(part.Text), Described(part.Given)];
    }

    [McpServerTool(Name = "read_multiple_files", Title = "Read several text files", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Reads several text files whole. Each file is two parts of the answer: its text, then its description. All descriptions of one answer have the same random frame, which no file can know. A file that cannot be read has an empty text, and a description with the problem.")]
    public async Task<IEnumerable<ContentBlock>> ReadMultipleFilesAsync(
        RequestContext<CallToolRequestParams> request,
        [Description("The files' paths in the project."), MinLength(1), MaxLength(50)] string[] paths,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        var frame = RandomNumberGenerator.GetHexString(16, lowercase: true);
        var answer = FileAnswer.To(request);
        return (await files.ReadTextsAsync(place, paths, answer.Memory, cancellationToken)).SelectMany(file => (ContentBlock[])
        [
            file.Part is { } read ? answer.Block(read.Text) : new TextContentBlock { Text = "" },
            file.Part is { } part ? Described(new { frame, file = part.Given }) : Described(new { frame, file.Problem }),
        ]);
    }

    [McpServerTool(Name = "read_media_file", Title = "Read an image or another binary file", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Reads a file as it is: an image or a recording to be shown or played, anything else as bytes. For text, use read_text_file. The second part of the answer describes it.")]
    public async Task<IEnumerable<ContentBlock>> ReadMediaFileAsync(
        RequestContext<CallToolRequestParams> request,
        [Description("The file's path in the project, such as logo.png.")] string path,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        var media = await files.ReadMediaAsync(place, path, FileAnswer.To(request).Memory, cancellationToken);
        var uri = $"project://{place.Project.Slug}/{string.Join('/', place.Path(path).Components.Select(Uri.EscapeDataString))}";
        ContentBlock block = media.Kind switch
        {
            MediaKind.Image => ImageContentBlock.FromBytes(media.Bytes, media.MimeType),
            MediaKind.Audio => AudioContentBlock.FromBytes(media.Bytes, media.MimeType),
            _ => new EmbeddedResourceBlock { Resource = BlobResourceContents.FromBytes(media.Bytes, uri, media.MimeType) },
        };
        return [block, Described(new { media.Entry.Path, media.Entry.Etag, media.Entry.Size, media.MimeType })];
    }

    private static TextContentBlock Described<T>(T given) => new() { Text = JsonSerializer.Serialize(given, ToolsSetup.Json) };
}

/// <summary>A page of what is in a directory.</summary>
/// <param name="Path">The directory, relative to the project.</param>
/// <param name="Entries">Its files and directories.</param>
/// <param name="NextCursor">What to ask for the next page with; left out on the last.</param>
internal sealed record DirectoryListing(string Path, IReadOnlyList<FileEntry> Entries, string? NextCursor = null);
