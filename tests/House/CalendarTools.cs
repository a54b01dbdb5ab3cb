using System.ComponentModel;
using System.Net.Http.Headers;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

internal sealed record Meeting(string Subject, string Start);

internal sealed class CalendarClient(HttpClient http, IDownstreamToken token)
{
    public async Task<List<Meeting>> NextAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("me/meetings", UriKind.Relative));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.DownstreamToken);
        using var response = await http.SendAsync(request, cancellationToken);
        return response.IsSuccessStatusCode
            ? JsonSerializer.Deserialize<List<Meeting>>(await response.Content.ReadAsStringAsync(cancellationToken), JsonSerializerOptions.Web) ?? []
            : throw new ProblemException("The calendar did not answer. Try again in a minute.");
    }
}

internal sealed record Meetings(IReadOnlyList<Meeting> Next);

internal sealed class CalendarTools(CalendarClient calendar)
{
    [McpServerTool(Name = "next_meetings", Title = "Next meetings", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.PeopleRead)]
    [Downstream("Calendar", "Meetings.Read")]
    [Description("The next meetings of the caller.")]
    public async Task<Meetings> NextMeetingsAsync(CancellationToken cancellationToken) => new(await calendar.NextAsync(cancellationToken));
}
