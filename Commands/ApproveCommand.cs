using System.Text.Encodings.Web;
using System.Text.Json;
using McpFilesServer.Tools;
using ModelContextProtocol.Server;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- approve</c>: writes what the server shows to a model into <c>tools.approved.json</c>, for a person to review as a change. In a Debug build only:
/// a server that is deployed cannot approve itself.
/// </summary>
internal static class ApproveCommand
{
    public const string Name = "approve";

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the file into the content root.</summary>
    public static async Task<int> RunAsync(WebApplication app, TextWriter output)
    {
        // Closes the schemas, which are shown closed.
        _ = app.Services.GetRequiredService<Arguments>();
        var surface = ApprovedSurface.Describe(app.Services.GetServices<McpServerTool>(), app.Services.GetServices<McpServerPrompt>(), app.Services.GetServices<McpServerResource>());
        var file = Path.Combine(app.Environment.ContentRootPath, ApprovedSurface.FileName);
        await File.WriteAllTextAsync(file, surface.ToJsonString(Readable) + "\n");
        await output.WriteLineAsync($"Wrote {ApprovedSurface.FileName}. Read what changed (git diff {ApprovedSurface.FileName}): it is what models will be told. Then build again.");
        return 0;
    }
}
