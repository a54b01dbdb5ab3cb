using System.Security.Cryptography;
using System.Text;
using McpFilesServer.Auth;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;

namespace McpFilesServer.Front;

/// <summary>The page at <c>/</c>, for people: what this server is, how it is, how to connect an assistant, what it has to offer.</summary>
internal static class FrontPage
{
    public static void MapFrontPage(this WebApplication app)
    {
        var style = Look.Style("FrontPage.css");
        // Nothing is run, framed, sent or fetched from this page. Its one style sheet is named by its hash; its one picture is in it.
        var policy = $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(style))}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        // All but one word never changes, so that both pages there can be are made once: whoever asks again and again gets bytes.
        var readiness = app.Services.GetRequiredService<Readiness>();
        var (ready, notReady) = (Page(app, style, isReady: true), Page(app, style, isReady: false));
        app.MapGet("/", async (HttpResponse response) =>
        {
            response.Headers.ContentSecurityPolicy = policy;
            response.Headers.CacheControl = "no-cache";
            return Results.Bytes(await readiness.IsReadyAsync() ? ready : notReady, "text/html; charset=utf-8");
        });
    }

    private static byte[] Page(WebApplication app, byte[] style, bool isReady)
    {
        var name = app.Services.GetRequiredService<IOptions<McpServerOptions>>().Value.ServerInfo!.Title;
        Html page = $"""
            <!doctype html>
            <html lang="en">
            <head>
            {Look.Head}
            <title>{name}</title>
            <style>{Markup(style)}</style>
            </head>
            <body>
            <a class="skip" href="#main">Skip to the content</a>
            <header>
            <div>
            <div class="brand">{Look.Mark}<h1>{name}</h1></div>
            <p class="lead">Files and projects for your AI assistant, over the Model Context Protocol. It works in your name, with the permissions that you give it one by one.</p>
            <nav aria-label="On this page"><a href="#connect">Connect</a><a href="#tools">Permissions and tools</a><a href="#choose">Resources and prompts</a><a href="#documents">Read on</a></nav>
            </div>
            {Facts(app, isReady)}
            </header>
            <main id="main" tabindex="-1">
            {Connect(app.Services.GetRequiredService<McpOptions>().Resource)}
            {Offered(ActivatorUtilities.CreateInstance<Offer>(app.Services))}
            {Documents(app)}
            </main>
            </body>
            </html>

            """;

        return Encoding.UTF8.GetBytes(page.ToString());
    }

    private static Html Facts(WebApplication app, bool isReady)
    {
        var mcp = app.Services.GetRequiredService<McpOptions>();
        return $"""
            <dl>
            <dt>Status</dt><dd class="state{(isReady ? "" : " off")}">{(isReady ? "Ready" : "Not ready. Try again in a minute; whoever runs it finds the reason in its log")}</dd>
            <dt>Address</dt><dd><code>{mcp.Resource}</code></dd>
            <dt>You sign in at</dt>{app.Services.GetRequiredService<AuthOptions>().Issuers.Select(issuer => (Html)$"<dd>{SignIn(issuer.Authority)}</dd>")}
            <dt>Protocol</dt><dd>MCP 2026-07-28</dd>{(mcp.LegacyClients ? (Html)$"<dd>and older, back to 2025-03-26</dd>" : default)}
            <dt>Runs as</dt><dd>{app.Environment.EnvironmentName}{Version(app)}</dd>
            </dl>
            """;
    }

    /// <summary>An issuer on this machine is somebody's own, and what is at its root is for him to see. That of any other is an identifier and need not lead anywhere.</summary>
    private static Html SignIn(string authority) => new Uri(authority).IsLoopback ? $"""<a href="{authority}">{authority}</a>""" : (Html)$"<code>{authority}</code>";

    /// <summary>For who develops. In Production it would tell everybody which holes to try.</summary>
    private static string Version(WebApplication app) => app.Environment.IsDevelopment() ? $", version {typeof(FrontPage).Assembly.GetName().Version!.ToString(3)}" : "";

    private static Html Connect(string resource) => $"""
        <section aria-labelledby="connect">
        <h2 id="connect">Connect an assistant</h2>
        <p>It sends you to a page to sign in, and to another where you allow or deny what it asks for. When it needs more later, it asks again.</p>
        <ul class="cards">
        {Connections.To(resource).Select(Card)}
        </ul>
        </section>
        """;

    private static Html Card(Connection connection) => $"""
        <li>
        <h3>{connection.Client}</h3>
        {(connection.Link is { } link ? (Html)$"""<a class="button" href="{link}">Add to {connection.Client}</a>""" : default)}
        <p>{connection.How}</p>
        <pre><code>{connection.Line}</code></pre>
        </li>

        """;

    private static Html Offered(Offer offer) => $"""
        <section aria-labelledby="tools">
        <h2 id="tools">Permissions, and the tools that each one opens</h2>
        <p>An assistant has none of them until you allow it. What cannot be undone, or gives something away, asks you once more each time.</p>
        <div class="flow">
        {offer.Tools()}
        </div>
        </section>
        <section aria-labelledby="choose">
        <h2 id="choose">Resources and prompts</h2>
        <p>For you to choose in your assistant, rather than for the assistant to call.</p>
        <div class="flow">
        <section><h3>Resources</h3><p>What you can put before it</p><ul class="offered">{offer.Resources()}</ul></section>
        <section><h3>Prompts</h3><p>What you can ask of it</p><ul class="offered">{offer.Prompts()}</ul></section>
        </div>
        </section>
        """;

    /// <summary>What this server says of itself to programs; and to who has its source, where to read on.</summary>
    private static Html Documents(WebApplication app) => $"""
        <section aria-labelledby="documents">
        <h2 id="documents">Read on</h2>
        <p>{(app.Environment.IsDevelopment() ? "The documents are in the folder of the source." : "What programs read of this server.")}</p>
        <ul class="documents">
        <li><a href="{app.Services.GetRequiredService<McpOptions>().MetadataPath}">Protected resource metadata</a>: where to get a token, for a client (RFC 9728)</li>
        <li><a href="{Health.Ready}">Readiness</a>: one word, for what watches over the server</li>
        {(app.Environment.IsDevelopment() ? InTheSource() : default)}
        </ul>
        </section>
        """;

    private static Html InTheSource() => $"""
        <li><code>docs/clients.md</code>: which client is tested with what, and what to expect of it</li>
        <li><code>docs/add-a-tool.md</code>: a tool of your own</li>
        <li><code>docs/deploying.md</code>: into production</li>
        <li><code>SECURITY.md</code>: what this server defends against, and the proof of each promise</li>
        """;

    /// <summary>The only bytes that go in as they are: the style sheet, which the policy names by their hash.</summary>
    private static Html Markup(byte[] style)
    {
        var markup = new Html(style.Length, 0);
        markup.AppendLiteral(Encoding.UTF8.GetString(style));

        return markup;
    }
}
