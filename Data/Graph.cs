using System.Net.Http.Headers;
using System.Text.Json.Serialization;

namespace McpFilesServer.Data;

/// <summary>A person in the directory.</summary>
internal sealed record DirectoryPerson(string Id, string DisplayName, string? Mail = null, string? JobTitle = null);

/// <summary>Microsoft Graph v1.0, with the token that the gateway exchanged for the running tool.</summary>
internal sealed class Graph(HttpClient http, IDownstreamToken token)
{
    /// <summary>The name of this downstream API: that of its settings section.</summary>
    public const string Resource = "Graph";

    private const int MaxPeople = 25;

    /// <summary>Searches display names and mail addresses.</summary>
    /// <exception cref="ProblemException">Graph refused, failed, or answered with something else than people.</exception>
    public async Task<IReadOnlyList<DirectoryPerson>> FindPeopleAsync(string query, CancellationToken cancellationToken)
    {
        // A quote would end the phrase that the query is.
        var words = query.Replace("\\", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal).Trim();
        if (words.Length == 0)
        {
            throw new ProblemException("The query must have at least one letter of a name or mail address.");
        }

        var phrase = Uri.EscapeDataString(words);
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri($"users?$search=%22displayName:{phrase}%22%20OR%20%22mail:{phrase}%22&$select=id,displayName,mail,jobTitle&$top={MaxPeople}", UriKind.Relative));
        request.Headers.Add("ConsistencyLevel", "eventual");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.DownstreamToken);
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                throw new ProblemException("The directory did not answer the search. Try again in a minute.");
            }

            var page = await response.Content.ReadFromJsonAsync<Page>(cancellationToken);
            return [.. (page?.Value ?? []).OfType<DirectoryPerson>().Where(person => person is { Id.Length: > 0, DisplayName: not null }).Take(MaxPeople)];
        }
        catch (Exception e) when (e is HttpRequestException or System.Text.Json.JsonException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new ProblemException("The directory could not be reached. Try again in a minute.");
        }
    }

    private sealed record Page([property: JsonPropertyName("value")] IReadOnlyList<DirectoryPerson?> Value);
}
