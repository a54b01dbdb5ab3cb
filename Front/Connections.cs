using System.Text;

namespace McpFilesServer.Front;

/// <summary>How one client is connected to this server.</summary>
/// <param name="Client">What it is called.</param>
/// <param name="How">Where the line goes, and what comes after it.</param>
/// <param name="Line">A command, what a settings file has, or an address to paste.</param>
/// <param name="Link">What does the same with one click, where the client has such a thing.</param>
internal sealed record Connection(string Client, string How, string Line, string? Link = null);

/// <summary>The clients that people ask for, each with what connects it. <c>docs/clients.md</c> has the same lines, and says which client is tested with what.</summary>
internal static class Connections
{
    /// <summary>What npm is asked for: the versions that the tests use (<c>tests/clients/package.json</c>), because a line that fetches the newest runs code that nobody here has seen.</summary>
    private const string McpRemote = "mcp-remote@0.15.1", Inspector = "@modelcontextprotocol/inspector@2.12.0";

    /// <summary>Top-level names that only a network of one's own answers to (RFC 6761, RFC 6762, RFC 8375, RFC 9476 and custom).</summary>
    private static readonly string[] PrivateNames = ["localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "alt", "test", "invalid", "example", "arpa", "onion"];

    /// <param name="resource">The server's canonical URL.</param>
    public static IEnumerable<Connection> To(string resource) =>
    [
        new("Claude Code", "In a terminal. Then type /mcp in Claude Code to sign in.", $"claude mcp add --transport http files {resource}"),
        new("VS Code", "With the button, or in a terminal.", $"code --add-mcp '{VsCode(resource)}'", $"vscode:mcp/install?{Uri.EscapeDataString(VsCode(resource))}"),
        new("Cursor", "With the button, or in .cursor/mcp.json.", Settings(Remote(resource)), $"cursor://anysphere.cursor-deeplink/mcp/install?name=files&config={Base64(Remote(resource))}"),
        new("Claude Desktop", "In claude_desktop_config.json (Settings, Developer, Edit Config). It takes Node.js.", Settings(Bridged(resource))),
        .. IsPublic(new Uri(resource)) ? [new Connection("claude.ai", "Settings, Connectors, Add custom connector; it asks for this address.", resource)] : Array.Empty<Connection>(),
        new("MCP Inspector", "In a terminal. It opens a page that shows every message. It takes Node.js 22.19.", $"npx -y {Inspector} --transport http --server-url {resource}"),
        new("Any other", "What speaks streamable HTTP takes the address alone. What speaks stdio only goes through mcp-remote.", $"npx -y {McpRemote} {resource} --auth-timeout 120"),
    ];

    /// <summary>Whether somebody else's machine can reach it: by https, under a name that the whole internet knows.</summary>
    private static bool IsPublic(Uri resource) =>
        resource is { Scheme: "https", HostNameType: UriHostNameType.Dns } && resource.IdnHost.TrimEnd('.').Split('.') is [_, .., var top] && !PrivateNames.Contains(top);

    private static string VsCode(string resource) => $$"""{"name":"files","type":"http","url":"{{resource}}"}""";

    private static string Remote(string resource) => $$"""{ "url": "{{resource}}" }""";

    private static string Bridged(string resource) => $$"""{ "command": "npx", "args": ["-y", "{{McpRemote}}", "{{resource}}", "--auth-timeout", "120"] }""";

    private static string Settings(string server) => $$"""{ "mcpServers": { "files": {{server}} } }""";

    private static string Base64(string json) => Uri.EscapeDataString(Convert.ToBase64String(Encoding.UTF8.GetBytes(json)));
}
