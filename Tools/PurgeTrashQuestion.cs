using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>Asks before something in the trash is gone for good. A yes counts for what is in the trash now: when something has come or gone since, it is asked anew.</summary>
internal sealed class PurgeTrashQuestion(Places places, Trash trash, Caller caller) : IQuestion
{
    public async Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, Text(arguments, "project"), Text(arguments, "workspace"), Roles.EmptyTrash, cancellationToken);
        var all = (await trash.PageAsync(place, null, int.MaxValue - 1, cancellationToken)).Entries;
        if (Text(arguments, "trash_id") is not { } id)
        {
            Sentence everything = $"Remove everything in the trash of the project {place.Project.Title} for good: {all.Count} things with {all.Sum(item => item.Size)} bytes.";
            return new Question(everything, Digest(place, all.Select(item => item.TrashId)));
        }

        var item = all.SingleOrDefault(item => item.TrashId == id) ?? throw Trash.Nothing();
        Sentence one = $"Remove the {item.Kind} {item.Type} {item.Path} from the trash of the project {place.Project.Title} for good.";
        return new Question(one, Digest(place, [id]));
    }

    private static string? Text(IReadOnlyDictionary<string, JsonElement> arguments, string name) =>
        arguments.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Digest(Place place, IEnumerable<string> ids) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{place.Project.Id} {string.Join(' ', ids.Order(StringComparer.Ordinal))}")));
}
