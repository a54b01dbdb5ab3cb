using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Files of a project as an assistant changes them. Nothing is ever overwritten without its etag.</summary>
internal sealed class WritingTools(Places places, Files files, Caller caller)
{
    [McpServerTool(Name = "write_file", Title = "Write a file", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Creates a text file. With if_match it replaces the version of the file that has this etag; without, it never overwrites. The directory must exist.")]
    public async Task<FileEntry> WriteFileAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(Arguments.FilePath)] string path,
        [Description("The whole new text of the file.")] string content,
        [Description("The etag of the version to replace, as a read or a listing gave it."), StringLength(64, MinimumLength = 1)] string? if_match = null,
        CancellationToken cancellationToken = default)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ChangeFiles, cancellationToken);
        return files.Write(place, path, content, if_match);
    }
}
