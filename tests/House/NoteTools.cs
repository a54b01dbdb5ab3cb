using System.ComponentModel;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

internal sealed class NoteTools(Places places, Changes changes, Caller caller)
{
    [McpServerTool(Name = "add_note", Title = "Add a note", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesWrite)]
    [Description("Adds a note to a project, as a file of its own.")]
    public async Task<FileEntry> AddNoteAsync(
        [Description(Arguments.Project)] string project,
        [Description("The note.")] string text,
        CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ChangeFiles, cancellationToken);
        return await changes.WriteAsync(caller, place, $"note-{Guid.NewGuid():n}.md", text, ifMatch: null, cancellationToken);
    }
}
