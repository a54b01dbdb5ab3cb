using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant finds them.</summary>
internal sealed class SearchTools(Places places, Searches searches, Caller caller)
{
    private const string Where = "The directory to search in. Left out: all.";
    private const string Ignoring = "Leave out what the project's .gitignore files leave out.";

    [McpServerTool(Name = "search_files", Title = "Search for files", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Finds files and directories by a pattern on their names or paths. truncated: true in the answer means that there may be more: narrow the pattern or the directory.")]
    public async Task<FoundEntries> SearchFilesAsync(
        [Description("A pattern such as *.md, for names at any depth, or src/**/*test*, for paths from the directory on. It has *, ?, [a-z], {a,b} and **; upper and lower case are alike."), StringLength(500, MinimumLength = 1)] string pattern,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description(Where)] string path = "",
        [Description("How many entries to give at most."), Range(1, 1000)] int limit = 200,
        [Description(Ignoring)] bool use_ignore_files = false,
        IProgress<ProgressNotificationValue>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        return await searches.NamesAsync(place, pattern, path, limit, use_ignore_files, Progress(progress), cancellationToken);
    }

    [McpServerTool(Name = "search_text", Title = "Search in files", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Description("Finds lines that match a regular expression, in the text files of a project. truncated: true in the answer means that there may be more: narrow the pattern, the directory or the glob.")]
    public async Task<FoundText> SearchTextAsync(
        [Description("A regular expression (.NET's, without look-around and back references), matched against each line."), StringLength(TextQuery.MaxLength, MinimumLength = 1)] string pattern,
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string? project = null,
        [Description(Arguments.Workspace), StringLength(64, MinimumLength = 1)] string? workspace = null,
        [Description("The directory or file to search in. Left out: all.")] string path = "",
        [Description("Search only in files whose name or path matches, such as *.md; as search_files takes it."), StringLength(500, MinimumLength = 1)] string? glob = null,
        [Description("How many lines to give before and after each match."), Range(0, 10)] int context_lines = 0,
        [Description("How many matches to give at most."), Range(1, 1000)] int limit = 100,
        [Description("Take upper and lower case as alike.")] bool ignore_case = false,
        [Description(Ignoring)] bool use_ignore_files = false,
        IProgress<ProgressNotificationValue>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var query = TextQuery.Of(pattern, ignore_case, context_lines);
        var place = await places.OpenAsync(caller, project, workspace, Roles.ReadFiles, cancellationToken);
        return await searches.TextAsync(place, query, path, glob, limit, use_ignore_files, Progress(progress), cancellationToken);
    }

    private static FilesSeen? Progress(IProgress<ProgressNotificationValue>? progress) => progress is null ? null : new FilesSeen(progress);

    private sealed class FilesSeen(IProgress<ProgressNotificationValue> progress) : IProgress<long>
    {
        public void Report(long value) => progress.Report(new ProgressNotificationValue { Progress = value, Message = "files so far" });
    }
}
