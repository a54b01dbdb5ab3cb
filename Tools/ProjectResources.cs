using System.ComponentModel;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using Microsoft.AspNetCore.StaticFiles;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Projects and their files as resources: what a person puts before an assistant by hand, rather than what it fetches itself.</summary>
internal sealed class ProjectResources(Places places, FilesOptions options, Caller caller)
{
    /// <summary>The version of a file, in <c>_meta</c> of its contents; the same as in the results of tools.</summary>
    private const string EtagKey = "mcp-files-server/etag";

    private const string Json = "application/json";

    private const int MaxEntries = 1000;

    private const int PageSize = 100;

    private static readonly FileExtensionContentTypeProvider Types = new();

    [McpServerResource(UriTemplate = ProjectUri.OfProject, Name = "project", Title = "A project", MimeType = Json)]
    [RequiresScope(Scopes.ProjectsRead, Scopes.FilesRead)]
    [Completes("project", Scopes.ProjectsRead)]
    [Description("A project: its title, the user's role in it, how many members it has, and what is in its top directory. JSON.")]
    public async Task<ReadResourceResult> ReadProjectAsync(string project, CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken);
        return Result(new TextResourceContents { Uri = "", MimeType = Json, Text = Overview(place) });
    }

    [McpServerResource(UriTemplate = ProjectUri.OfFile, Name = "file", Title = "A file or directory of a project")]
    [RequiresScope(Scopes.FilesRead)]
    [Completes("project", Scopes.ProjectsRead)]
    [Completes("path", Scopes.FilesRead)]
    [Description("A file of a project, as text or, when it is none, as base64; or a directory, as a JSON list of what is in it.")]
    public async Task<ReadResourceResult> ReadFileAsync(RequestContext<ReadResourceRequestParams> request, string project, string path, CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken);
        var entry = place.Folder.Describe(place.Path(path));
        if (entry.Type == "directory")
        {
            return Result(new TextResourceContents { Uri = "", MimeType = Json, Text = Serialized(Listing(place, place.Path(path))) });
        }

        await FileAnswer.To(request).Memory.ReserveAsync(Math.Min(entry.Size ?? 0, options.MaxTextBytes), cancellationToken);
        var content = await FileContent.ReadAsync(place, place.Path(path), options.MaxTextBytes, cancellationToken)
            ?? throw new McpProtocolException(
                $"This file is larger than the {options.MaxTextBytes} bytes that a resource may have. Read it in parts with read_text_file.", McpErrorCode.InvalidParams);
        return Result(content.Text is { } text
            ? new TextResourceContents { Uri = "", MimeType = TextType(path), Text = text }
            : BlobResourceContents.FromBytes(content.Bytes, "", TypeOf(path)), content.Entry.Etag);
    }

    /// <summary>The caller's projects, by slug, in pages.</summary>
    [RequiresScope(Scopes.ProjectsRead)]
    public static async ValueTask<ListResourcesResult> ListAsync(RequestContext<ListResourcesRequestParams> request, CancellationToken cancellationToken)
    {
        var caller = request.Services!.GetRequiredService<Caller>();
        var pages = request.Services!.GetRequiredService<Cursors>().Of(RequestMethods.ResourcesList);
        var found = await request.Services!.GetRequiredService<Projects>().FindAsync(caller, "", Open(pages, request.Params?.Cursor)?.Slug ?? "", PageSize + 1, cancellationToken);
        return new ListResourcesResult
        {
            Resources = [.. found.Take(PageSize).Select(project =>
                new Resource { Uri = new ProjectUri(project.Slug, null).ToString(), Name = project.Slug, Title = project.Title, MimeType = Json, Meta = Untrusted.Meta() })],
            NextCursor = pages.Seal(found.Count > PageSize ? new ProjectMark(found[PageSize - 1].Slug) : null),
        };
    }

    /// <summary>What the caller may not see, what is not there, and what cannot be are one and the same, in the gateway's own words.</summary>
    public static McpRequestHandler<ReadResourceRequestParams, ReadResourceResult> PlainErrors(McpRequestHandler<ReadResourceRequestParams, ReadResourceResult> next) =>
        async (request, cancellationToken) =>
        {
            try
            {
                return await next(request, cancellationToken);
            }
            catch (ProblemException)
            {
                throw new McpProtocolException(Refusal.UnknownTarget(RequestMethods.ResourcesRead).Message, McpErrorCode.InvalidParams);
            }
        };

    /// <summary>A project in JSON, as its resource shows it.</summary>
    public static string Overview(Place place)
    {
        var listing = Listing(place, ProjectPath.Root);
        return Serialized(new ProjectOverview(ProjectInfo.Of(place.Project), listing.Entries, listing.Truncated));
    }

    private static DirectoryContents Listing(Place place, ProjectPath directory)
    {
        var entries = place.Folder.List(directory, MaxEntries, out var cut);
        return new DirectoryContents(directory.Text, entries, cut);
    }

    private static ProjectMark? Open(CursorsOf pages, string? cursor)
    {
        try
        {
            return pages.Open<ProjectMark>(cursor);
        }
        catch (ProblemException e)
        {
            throw new McpProtocolException(e.Message, McpErrorCode.InvalidParams);
        }
    }

    private static ReadResourceResult Result(ResourceContents contents, string? etag = null)
    {
        contents.Meta = Untrusted.Meta();
        if (etag is not null)
        {
            contents.Meta[EtagKey] = etag;
        }

        return new ReadResourceResult { Contents = [contents], Meta = Untrusted.Meta(), TimeToLive = null };
    }

    private static string Serialized<T>(T value) => JsonSerializer.Serialize(value, ToolsSetup.Json);

    private static string TypeOf(string path) => Types.TryGetContentType(path, out var type) ? type : "application/octet-stream";

    /// <summary>The type that the name says, as far as it is one of text: <c>.ts</c> is also a film.</summary>
    private static string TextType(string path) =>
        TypeOf(path) is var type && (type.StartsWith("text/", StringComparison.Ordinal) || type is Json or "application/xml" or "image/svg+xml") ? type : "text/plain";
}

/// <summary>A place in the list of a person's projects: behind this one.</summary>
internal sealed record ProjectMark(string Slug);

/// <summary>A project, and what is in its top directory.</summary>
/// <param name="Project">The project.</param>
/// <param name="Entries">Its files and directories, by name.</param>
/// <param name="Truncated">Whether there are more than are listed.</param>
internal sealed record ProjectOverview(ProjectInfo Project, IReadOnlyList<FileEntry> Entries, bool Truncated);

/// <summary>What a directory holds.</summary>
/// <param name="Path">The directory, relative to the project.</param>
/// <param name="Entries">Its files and directories, by name.</param>
/// <param name="Truncated">Whether there are more than are listed.</param>
internal sealed record DirectoryContents(string Path, IReadOnlyList<FileEntry> Entries, bool Truncated);
