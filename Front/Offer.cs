using McpFilesServer.Auth;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Front;

/// <summary>What the server has for an assistant, as the page lists it: each permission with the tools that it opens, then resources and prompts.</summary>
internal sealed class Offer(Surface surface, IEnumerable<McpServerTool> tools, IEnumerable<McpServerPrompt> prompts, IEnumerable<McpServerResource> resources)
{
    private static readonly List<string> Order = [.. Scopes.InWords.Keys];

    /// <summary>What people call it; the names are unique within a kind, and of one form in each.</summary>
    private readonly Dictionary<string, string?> _titles =
        tools.Select(tool => (tool.ProtocolTool.Name, tool.ProtocolTool.Title))
            .Concat(prompts.Select(prompt => (prompt.ProtocolPrompt.Name, prompt.ProtocolPrompt.Title)))
            .Concat(resources.Select(resource => (resource.ProtocolResourceTemplate.UriTemplate, resource.ProtocolResourceTemplate.Title)))
            .DistinctBy(titled => titled.Item1).ToDictionary(titled => titled.Item1, titled => titled.Item2);

    /// <summary>A card for each permission.</summary>
    public IEnumerable<Html> Tools() => Of(RequestMethods.ToolsCall).GroupBy(Permission).OrderBy(group => Order.IndexOf(group.Key)).Select(group => (Html)$"""
        <section>
        <h3>{Scopes.InWords[group.Key]}</h3>
        <p><code>{group.Key}</code></p>
        <ul class="offered">
        {group.Select(tool => Item(tool, tool.Scopes.Where(scope => scope != group.Key), "and takes"))}
        </ul>
        </section>
        """);

    public IEnumerable<Html> Resources() => Of(RequestMethods.ResourcesRead).Select(resource => Item(resource, resource.Scopes, "takes"));

    public IEnumerable<Html> Prompts() => Of(RequestMethods.PromptsGet).Select(prompt => Item(prompt, prompt.Scopes, "takes"));

    private IEnumerable<Operation> Of(string method) => surface.Operations.Where(operation => operation.Method == method);

    /// <summary>The scope that is asked for last: of several, the one that says what is special.</summary>
    private static string Permission(Operation operation) => operation.Scopes.MaxBy(Order.IndexOf)!;

    private Html Item(Operation operation, IEnumerable<string> scopes, string takes) => $"""
        <li><code>{operation.Target}</code> <span>{_titles.GetValueOrDefault(operation.Target!)}{Asks(operation)}{Takes(scopes.ToList(), takes)}</span></li>

        """;

    private static Html Asks(Operation operation) => operation.Asks is null ? default : (Html)$""" <span class="badge">asks you first</span>""";

    private static Html Takes(List<string> scopes, string takes) =>
        scopes.Count == 0 ? default : (Html)$" <small>{takes} {scopes.Select(scope => (Html)$"<code>{scope}</code> ")}</small>";
}
