using System.Text.Json.Serialization;

namespace McpFilesServer.Data;

/// <summary>A person in the directory.</summary>
internal sealed record DirectoryPerson(string Id, string DisplayName, string? Mail = null, string? JobTitle = null);

/// <summary>The people of the caller's organisation, as Graph knows them.</summary>
internal sealed class PeopleDirectory(Graph graph)
{
    /// <summary>The most people of one answer.</summary>
    public const int MaxPeople = 25;

    /// <summary>The longest text that is taken over, in characters.</summary>
    private const int MaxText = 256;

    /// <summary>Searches display names and mail addresses.</summary>
    /// <exception cref="ProblemException">Graph refused, failed, or answered with something else than people.</exception>
    public async Task<(IReadOnlyList<DirectoryPerson> People, bool More)> FindAsync(string query, CancellationToken cancellationToken)
    {
        // A quote would end the phrase that the query is.
        var words = query.Replace("\\", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal).Trim();
        if (words.Length == 0)
        {
            throw new ProblemException("The query must have at least one letter of a name or mail address.");
        }

        var phrase = Uri.EscapeDataString(words);
        var page = await graph.GetAsync<Page<DirectoryPerson>>(
            $"users?$search=%22displayName:{phrase}%22%20OR%20%22mail:{phrase}%22&$select=id,displayName,mail,jobTitle&$top={MaxPeople}", "such directory", cancellationToken);
        var people = page.Items.Where(person => person is { Id.Length: > 0 and <= MaxText, DisplayName: not null }).ToList();
        return ([.. people.Take(MaxPeople).Select(Readable)], page.Next is not null || people.Count > MaxPeople);
    }

    /// <summary>Others have written it: nothing in it that nobody sees, and not too much.</summary>
    private static DirectoryPerson Readable(DirectoryPerson person) =>
        new(Readable(person.Id)!, Readable(person.DisplayName)!, Readable(person.Mail), Readable(person.JobTitle));

    private static string? Readable(string? text) => text is null ? null
        : VisibleText.Of(text.Length <= MaxText ? text : text[..(char.IsHighSurrogate(text[MaxText - 1]) ? MaxText - 1 : MaxText)], out _);
}

/// <summary>A page of a list, as Graph gives them.</summary>
internal sealed record Page<T> where T : class
{
    [JsonPropertyName("value")]
    public required IReadOnlyList<T?> Value { get; init; }

    /// <summary>The address of the next page.</summary>
    [JsonPropertyName("@odata.nextLink")]
    public string? Next { get; init; }

    [JsonIgnore]
    public IEnumerable<T> Items => (Value ?? throw GraphFaults.Unusable()).OfType<T>();
}
