using System.Globalization;
using McpFilesServer.Front;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;

namespace McpFilesServer.Dev;

internal static partial class Pages
{
    public static IResult Account(
        Person user, IReadOnlyList<ConnectedClient> clients, string session, DevOptions options, TimeZoneInfo zone, Notice? notice, AntiforgeryTokenSet forgery) => new Page("Connected programs", "'self'", $"""
        {Happened(notice)}
        <h1>Programs that can use your files server</h1>
        <p>You are signed in as <strong>{user.Name}</strong>.</p>
        {(clients.Count > 0 ? List(clients, session, options, zone, forgery) : Nothing())}
        <section class="foot">
        <h2>Sign out</h2>
        <p>{SignOutInWords(clients.Count(client => client.Sessions.Contains(session)))}</p>
        <form method="post" action="{Dev.Account.SignOutPath}">
        {Hidden(forgery.FormFieldName, forgery.RequestToken)}
        <button class="quiet">Sign out</button>
        </form>
        </section>
        """);

    private static Html List(IReadOnlyList<ConnectedClient> clients, string session, DevOptions options, TimeZoneInfo zone, AntiforgeryTokenSet forgery) => $"""
        <p>You allowed each of them what stands below it. A program that you disconnect stops at once, and has to ask you again.</p>
        <ul class="clients">
        {clients.Index().Select(client => Client(client.Index, client.Item, session, options, zone, forgery))}
        </ul>
        """;

    private static Html Client(int number, ConnectedClient client, string session, DevOptions options, TimeZoneInfo zone, AntiforgeryTokenSet forgery) => $"""
        <li>
        <h2 id="client-{Text(number)}">{client.Name}</h2>
        <p class="place">{string.Join(", ", client.Places)}{(client.Sessions.Contains(session) ? " · connected in this browser" : "")}</p>
        <ul>
        {client.Scopes.OrderBy(options.PlaceOf).Select(scope => (Html)$"<li>{options.InWords(scope)} <code>{scope}</code></li>")}
        </ul>
        <dl>
        <dt>Connected</dt><dd>{Time(client.Since, zone)}</dd>
        <dt>Last token</dt><dd>{Time(client.Used, zone)}</dd>
        <dt>Client id</dt><dd><code>{client.ClientId}</code></dd>
        </dl>
        <form method="post" action="{Dev.Account.DisconnectPath}">
        {Hidden(forgery.FormFieldName, forgery.RequestToken)}
        <button name="client" value="{client.ClientId}" class="quiet" aria-describedby="client-{Text(number)}">Disconnect</button>
        </form>
        </li>
        """;

    private static Html Nothing() => $"""
        <p class="empty">No program is connected. When one wants to be, it brings you here and you decide.</p>
        """;

    private static string SignOutInWords(int here) => here switch
    {
        0 => "This browser forgets you. No program was connected in it.",
        1 => "This browser forgets you, and the program that you connected in it is disconnected.",
        _ => $"This browser forgets you, and the {Text(here)} programs that you connected in it are disconnected.",
    };

    private static Html Happened(Notice? notice) =>
        notice is null ? default : (Html)$"""<p class="{(notice.IsWarning ? "warning" : "notice")}" role="status">{notice.Words}</p>""";

    /// <summary>In the time zone of this computer, which is the person's own: the provider is reached from here only.</summary>
    private static Html Time(DateTimeOffset at, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(at, zone);

        return $"""<time datetime="{local.ToString("yyyy-MM-ddTHH:mm:sszzz", CultureInfo.InvariantCulture)}">{local.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)}</time>""";
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
