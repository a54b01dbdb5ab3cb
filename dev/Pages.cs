using System.Text;
using McpFilesServer.Front;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;

namespace McpFilesServer.Dev;

/// <summary>The pages a person sees. Plain HTML and one style sheet; no script, which the policy of every page forbids.</summary>
internal static partial class Pages
{
    public const string StylePath = "/authorize/style.css";

    private static readonly byte[] Style = Look.Style("Pages.css");

    public static IResult StyleSheet() => Results.Bytes(Style, "text/css; charset=utf-8");

    public static IResult SignIn(string returnTo, AntiforgeryTokenSet forgery, Notice? notice = null) => new Page("Sign in", "'self'", $"""
        {Happened(notice)}
        <h1>Who are you today?</h1>
        <p>There are two users and no passwords here, because this provider can only be reached from this computer.</p>
        <form method="post" action="/authorize/sign-in">
        {Hidden(forgery.FormFieldName, forgery.RequestToken)}
        {Hidden("return", returnTo)}
        {People.Users.Select(user => (Html)$"""<button name="user" value="{user.Name}">Continue as {user.Name}</button>""")}
        </form>
        {(returnTo == Dev.Account.Path ? default : AccountLink())}
        """);

    public static IResult Consent(ConsentRequest request, AntiforgeryTokenSet forgery) => new Page($"Allow {request.ClientName}?", $"'self' {request.FormTarget}", $"""
        <h1>Allow <strong>{request.ClientName}</strong> to {(request.IsStepUp ? "do more with" : "use")} your files server?</h1>
        <div class="who">
        <p>You are signed in as <strong>{request.User.Name}</strong>.</p>
        <form method="post" action="/authorize/sign-in">
        {Hidden(forgery.FormFieldName, forgery.RequestToken)}
        {Hidden("return", request.ReturnTo)}
        {People.Users.Where(user => user != request.User).Select(user => (Html)$"""<button name="user" value="{user.Name}" class="link">Not you? Continue as {user.Name}</button>""")}
        </form>
        </div>
        <p>{(request.IsStepUp ? "It is connected already and asks for more." : "")} If you allow it, the program can:</p>
        <ul class="scopes">
        {request.Scopes.OrderByDescending(scope => scope.IsNew).Select(Asked)}
        </ul>
        {Warning(request)}
        <p>{Origin(request)} When you have decided, you are sent back to <strong class="host">{request.RedirectHost}</strong>.</p>
        <form method="post" action="/authorize">
        {Hidden(forgery.FormFieldName, forgery.RequestToken)}
        {request.Parameters.Select(parameter => Hidden(parameter.Key, parameter.Value))}
        <button name="decision" value="approve">Allow</button>
        <button name="decision" value="deny" class="quiet">Deny</button>
        </form>
        <dl class="foot"><dt>Client id</dt><dd><code>{request.ClientId}</code></dd><dt>Redirect</dt><dd><code>{request.RedirectUri.OriginalString}</code></dd></dl>
        {AccountLink()}
        """);

    public static IResult Error(string? message) => new Page("That did not work", "'none'", $"""
        <h1>That did not work</h1>
        <p class="warning" role="alert">{message ?? "The request is not valid."}</p>
        <p>Nothing was allowed, and you were not sent anywhere. Go back to the program that brought you here and start again.</p>
        """, StatusCodes.Status400BadRequest);

    /// <summary>What a person has to be sure of. That an address is on this computer is no reason for trust: whoever prepared the link may have a program here, too.</summary>
    private static Html Warning(ConsentRequest request) => $"""
        <div class="warning{(request.IsLoopback ? "" : " elsewhere")}" role="note">
        {(request.IsVouchedFor ? default : (Html)$"<p><strong>Nobody has checked this program.</strong> It made itself known, and its name is what it calls itself.</p>")}
        {(request.IsLoopback ? OnThisComputer() : Elsewhere(request.RedirectHost))}
        </div>
        """;

    private static Html OnThisComputer() => $"""
        <p>This program runs on this computer. Only continue if you started this from a program on this computer.</p>
        """;

    private static Html Elsewhere(string host) => $"""
        <p><strong>{host}</strong> is not on this computer. Whoever runs it will be able to use your files server in your name. Only continue if you know and trust them.</p>
        """;

    private static Html Origin(ConsentRequest request) => request switch
    {
        { IsConfigured: true } => $"It stands in the settings of this provider, under this name.",
        { DocumentHost: { } host } => $"It is the program that <strong>{host}</strong> describes, under a name of that host's choice.",
        _ => default,
    };

    private static Html Asked(AskedScope scope) => scope.IsNew
        ? (Html)$"""<li class="new">{scope.Words} <code>{scope.Name}</code> <strong>new</strong></li>"""
        : $"<li>{scope.Words} <code>{scope.Name}</code></li>";

    private static Html AccountLink() => $"""
        <p class="foot"><a href="{Dev.Account.Path}">See the programs that you have connected</a></p>
        """;

    private static Html Hidden(string name, string? value) => $"""<input type="hidden" name="{name}" value="{value}">""";

    /// <summary>A page with its headers: shown to this browser only, kept by nobody, framed by nobody, and with no script in it.</summary>
    private sealed class Page(string title, string formAction, Html body, int status = StatusCodes.Status200OK) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            Html page = $"""
                <!doctype html>
                <html lang="en">
                <head>
                {Look.Head}
                <title>{title}</title>
                <link rel="stylesheet" href="{StylePath}">
                </head>
                <body>
                <header>{Look.Mark}<p>Development identity provider</p></header>
                <main>
                {body}
                </main>
                </body>
                </html>
                """;

            var response = httpContext.Response;
            response.StatusCode = status;
            response.ContentType = "text/html; charset=utf-8";
            response.Headers.CacheControl = "no-store";
            response.Headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'self'; img-src data:; form-action {formAction}; base-uri 'none'; frame-ancestors 'none'";

            return response.WriteAsync(page.ToString(), Encoding.UTF8, httpContext.RequestAborted);
        }
    }
}
