using System.Net;
using System.Security.Cryptography;
using System.Text;
using McpFilesServer.Auth;

namespace McpFilesServer;

/// <summary>The page at <c>/</c>, for people: what this server is, how to connect an assistant, what it has to offer. Made once, at start.</summary>
internal static class FrontPage
{
    private const string Style =
        """
        :root { color-scheme: light dark; }
        body { font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem; }
        h1 { font-size: 1.75rem; line-height: 1.2; margin-bottom: .25rem; }
        h2 { font-size: 1.15rem; margin-top: 2.25rem; }
        code, pre { font-family: ui-monospace, monospace; font-size: .9rem; }
        pre { padding: .75rem 1rem; border: 1px solid #8886; border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
        .muted { opacity: .75; }
        """;

    public static void MapFrontPage(this WebApplication app)
    {
        var page = Encoding.UTF8.GetBytes(Page(app.Services.GetRequiredService<McpOptions>(), app.Services.GetRequiredService<Surface>()));
        // Nothing is loaded, run, framed or sent from this page; its one style sheet is named by its hash.
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));
        var policy = $"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        app.MapGet("/", (HttpResponse response) =>
        {
            response.Headers.ContentSecurityPolicy = policy;
            return Results.Bytes(page, "text/html; charset=utf-8");
        });
    }

    private static string Page(McpOptions mcp, Surface surface)
    {
        var rows = string.Concat(surface.Operations.OrderByDescending(operation => operation.Method, StringComparer.Ordinal).Select(operation =>
            $"<tr><td><code>{Html(operation.Target)}</code></td><td><code>{Html(string.Join(' ', operation.Scopes))}</code></td></tr>"));
        var resource = Html(mcp.Resource);
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>McpFilesServer</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>McpFilesServer</h1>
            <p class="muted">Files and projects for your AI assistant, over the Model Context Protocol.</p>
            <p>The server is at <code>{resource}</code>. Your assistant will send you to a sign-in page and ask for the permissions below,
            one by one, as it needs them.</p>
            <h2>Connect</h2>
            <p>Claude Code</p>
            <pre>claude mcp add --transport http files {resource}</pre>
            <p>VS Code, in <code>.vscode/mcp.json</code></p>
            <pre>{Html(VsCode(mcp.Resource))}</pre>
            <p>Any client that only speaks stdio</p>
            <pre>npx -y mcp-remote@0.15.1 {resource} --auth-timeout 120</pre>
            <p>MCP Inspector, with a token</p>
            <pre>npx -y @modelcontextprotocol/inspector@2.12.0 --cli {resource} --transport http --header "Authorization: Bearer $TOKEN" --method tools/list</pre>
            <h2>Tools, resources, prompts</h2>
            <table>
            <thead><tr><th scope="col">Name</th><th scope="col">Scope it takes</th></tr></thead>
            <tbody>{rows}</tbody>
            </table>
            </main>
            </body>
            </html>
            """;
    }

    private static string VsCode(string resource) => $$"""{ "servers": { "files": { "type": "http", "url": "{{resource}}" } } }""";

    private static string Html(string? text) => WebUtility.HtmlEncode(text ?? "");
}
