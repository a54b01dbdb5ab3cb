using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// What this server shows to a model, as a person approved it: <c>tools.approved.json</c> is built in, and a server whose tools, prompts or resources differ
/// from it does not start. A description is an instruction to somebody else's model, so a changed one is a change to be reviewed.
/// </summary>
internal sealed class ApprovedSurface(JsonObject approved)
{
    /// <summary>The file, in the project's folder.</summary>
    public const string FileName = "tools.approved.json";

    private const int MaxDescription = 400;

    private readonly Dictionary<string, (McpServerTool Tool, Words Words, JsonElement Input, JsonElement? Output)> _tools = new(StringComparer.Ordinal);

    /// <summary>The surface that was approved when this was built.</summary>
    public static ApprovedSurface BuiltIn()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{typeof(Program).Assembly.GetName().Name}.{FileName}")!;
        return new(JsonNode.Parse(stream)!.AsObject());
    }

    /// <summary>The surface as it is: each tool, prompt and resource as a client sees it, with what it declared to the gateway.</summary>
    public static JsonObject Describe(IEnumerable<McpServerTool> tools, IEnumerable<McpServerPrompt> prompts, IEnumerable<McpServerResource> resources) => new()
    {
        ["tools"] = Sorted(tools.Select(tool => (tool.ProtocolTool.Name, Shown(tool.ProtocolTool, tool.Metadata)))),
        ["prompts"] = Sorted(prompts.Select(prompt => (prompt.ProtocolPrompt.Name, Shown(prompt.ProtocolPrompt, prompt.Metadata)))),
        ["resources"] = Sorted(resources.Select(resource => (resource.ProtocolResourceTemplate.UriTemplate, Shown(resource.ProtocolResourceTemplate, resource.Metadata)))),
    };

    /// <summary>Refuses to go on when the surface is not the approved one, or has something that no model should be shown.</summary>
    /// <exception cref="SettingsException">It is not, or it has.</exception>
    public void Require(IReadOnlyList<McpServerTool> tools, IEnumerable<McpServerPrompt> prompts, IEnumerable<McpServerResource> resources)
    {
        // A model hardly tells Read_File from read_file.
        var problems = tools.GroupBy(tool => tool.ProtocolTool.Name, StringComparer.OrdinalIgnoreCase).Where(same => same.Count() > 1)
            .Select(same => $"{same.Count()} tools are called '{same.Key}', or differ from it in case alone. One would shadow the other: rename it.").ToList();
        if (problems.Count == 0)
        {
            var present = Describe(tools, prompts, resources);
            problems.AddRange(tools.Select(tool => Problem(tool, present["tools"]![tool.ProtocolTool.Name])).OfType<string>());
            foreach (var (kind, primitives) in present)
            {
                problems.AddRange(Differences(kind, approved[kind]?.AsObject() ?? [], primitives!.AsObject()));
            }
        }

        if (problems.Count > 0)
        {
            throw new SettingsException(string.Join(Environment.NewLine, problems));
        }

        foreach (var tool in tools)
        {
            _tools[tool.ProtocolTool.Name] = (tool, Words.Of(tool.ProtocolTool), tool.ProtocolTool.InputSchema, tool.ProtocolTool.OutputSchema);
        }
    }

    /// <summary>Whether a tool is still the one that was approved when the server started: nobody has put another in its place, or other words into it.</summary>
    public bool IsUnchanged(McpServerTool tool) =>
        _tools.TryGetValue(tool.ProtocolTool.Name, out var start) && ReferenceEquals(start.Tool, tool) && start.Words == Words.Of(tool.ProtocolTool)
        && IsSame(start.Input, tool.ProtocolTool.InputSchema) && IsSame(start.Output, tool.ProtocolTool.OutputSchema);

    private static bool IsSame(JsonElement? was, JsonElement? now) =>
        was is { } one && now is { } other ? JsonMarshal.GetRawUtf8Value(one).SequenceEqual(JsonMarshal.GetRawUtf8Value(other)) : was is null && now is null;

    private static JsonObject Sorted(IEnumerable<(string Name, JsonObject Shown)> primitives) =>
        new(primitives.OrderBy(primitive => primitive.Name, StringComparer.Ordinal).Select(primitive => KeyValuePair.Create(primitive.Name, (JsonNode?)primitive.Shown)));

    private static JsonObject Shown<T>(T primitive, IReadOnlyList<object> metadata)
    {
        var shown = JsonSerializer.SerializeToNode(primitive, McpJsonUtilities.DefaultOptions)!.AsObject();
        shown["scopes"] = new JsonArray([.. metadata.OfType<RequiresScopeAttribute>().SelectMany(attribute => attribute.Scopes).Select(scope => JsonValue.Create(scope))]);
        if (metadata.OfType<AsksHumanAttribute>().SingleOrDefault() is { } asks)
        {
            shown["asks"] = asks.Question.Name;
        }

        if (metadata.OfType<DownstreamAttribute>().SingleOrDefault() is { } downstream)
        {
            shown["downstream"] = new JsonObject { ["resource"] = downstream.Resource, ["scopes"] = new JsonArray([.. downstream.Scopes.Select(scope => JsonValue.Create(scope))]) };
        }

        return shown;
    }

    private static IEnumerable<string> Differences(string kind, JsonObject approved, JsonObject present)
    {
        const string fix = $"Review it, then run: dotnet run -- approve";
        foreach (var name in approved.Select(entry => entry.Key).Union(present.Select(entry => entry.Key)))
        {
            var (was, is_) = (approved[name]?.AsObject(), present[name]?.AsObject());
            if (was is null || is_ is null)
            {
                yield return was is null ? $"{FileName}: '{name}' is not among the approved {kind}. {fix}" : $"{FileName}: '{name}' is among the approved {kind} and is not there. {fix}";
            }
            else if (was.Select(member => member.Key).Union(is_.Select(member => member.Key)).FirstOrDefault(member => !JsonNode.DeepEquals(was[member], is_[member])) is { } changed)
            {
                yield return $"{FileName}: the {changed} of '{name}' is not what was approved. {fix}";
            }
        }
    }

    /// <summary>What a tool must say of itself, and must not.</summary>
    private static string? Problem(McpServerTool tool, JsonNode? said)
    {
        var (name, shown) = (tool.ProtocolTool.Name, tool.ProtocolTool);
        return name.Length > 128 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') ? $"A tool is called '{name}': a name has letters, digits, '_', '-' and '.', at most 128."
            : string.IsNullOrWhiteSpace(shown.Title) || string.IsNullOrWhiteSpace(shown.Description) ? $"The tool '{name}' has no Title or no [Description]. A model has nothing else to go by: say what it does."
            : shown.Description.Length > MaxDescription ? $"The description of '{name}' has more than {MaxDescription} characters. Shorten it."
            : shown.Annotations is not { ReadOnlyHint: not null, DestructiveHint: not null, IdempotentHint: not null, OpenWorldHint: not null }
                ? $"The tool '{name}' does not state all of ReadOnly, Destructive, Idempotent and OpenWorld. The defaults are seldom true: state all four."
            : Texts(said).Any(IsHidden) ? $"A text of '{name}' has characters that nobody sees. Take them out."
            : null;
    }

    private static IEnumerable<string> Texts(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => Texts(member.Value).Prepend(member.Key)),
        JsonArray items => items.SelectMany(Texts),
        JsonValue value when value.TryGetValue<string>(out var text) => [text],
        _ => [],
    };

    private static bool IsHidden(string text) => text.EnumerateRunes().Any(rune =>
        rune.Plane == 14 || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);

    /// <summary>All that a client is told of a tool beside its schemas, in a form that is compared on every call. Of what this server does not use, that it is still the same thing.</summary>
    private readonly record struct Words(
        string? Title, string? Description, string? HintTitle, bool? ReadOnly, bool? Destructive, bool? Idempotent, bool? OpenWorld, object? Icons, object? Meta)
    {
        public static Words Of(Tool tool) => new(
            tool.Title, tool.Description, tool.Annotations?.Title, tool.Annotations?.ReadOnlyHint, tool.Annotations?.DestructiveHint, tool.Annotations?.IdempotentHint, tool.Annotations?.OpenWorldHint, tool.Icons, tool.Meta);
    }
}
