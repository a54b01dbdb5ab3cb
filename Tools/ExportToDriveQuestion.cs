using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>Asks before a file goes out of a project. A yes counts for the version of the file that is there now, and for this place to put it.</summary>
internal sealed class ExportToDriveQuestion(Places places, Files files, Caller caller) : IQuestion
{
    public async Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, Text(arguments, "project"), Text(arguments, "workspace"), Roles.ReadFiles, cancellationToken);
        var target = DrivePath.ParseFile(arguments["drive_path"].GetString()!);
        var path = arguments["path"].GetString()!;
        using var file = files.OpenToExport(place, path);
        // From the top of the project, also when the call names a workspace in it.
        Sentence sentence = $"Copy the file {place.Path(path).Text} ({file.Entry.Size!.Value} bytes) of the project {place.Project.Title} to your OneDrive, as {target.Text}. It leaves this server.";
        return new Question(sentence, $"{place.Project.Id} {file.Entry.Etag}");
    }

    private static string? Text(IReadOnlyDictionary<string, JsonElement> arguments, string name) =>
        arguments.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
