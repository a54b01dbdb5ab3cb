using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Role = ModelContextProtocol.Protocol.Role;

namespace McpFilesServer.Tests.EndToEnd.Conformance;

/// <summary>
/// The tools, prompts and resources that the conformance suite calls by fixed names. They are declared as those of the product are, and are behind the same
/// gateway and filters. What the suite wants a client to be asked is asked by <see cref="SuiteQuestions"/>: a tool has no way to do that here.
/// </summary>
internal static class SuiteFixtures
{
    /// <summary>What all of them take.</summary>
    public const string Scope = Scopes.ProjectsRead;

    private const string Text = "text/plain";

    /// <summary>One pixel.</summary>
    private static readonly byte[] Png = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==");

    /// <summary>The header of a WAV file that has no sound in it.</summary>
    private static readonly byte[] Wav = Convert.FromBase64String("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=");

    /// <summary>Much of what JSON Schema 2020-12 has, as the suite wants it.</summary>
    private const string Schema =
        """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "$defs": { "address": { "$anchor": "addressDef", "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
          "properties": {
            "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" }, "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" }, "email": { "type": "string" }
          },
          "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
          "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
          "then": { "required": ["phone"] },
          "else": { "required": ["email"] },
          "additionalProperties": false
        }
        """;

    /// <summary>Puts all of them into a server.</summary>
    public static void AddTo(IServiceCollection services)
    {
        SuiteQuestions.AddTo(services);
        services.AddMcpServer().WithTools(Tools()).WithPrompts(Prompts()).WithResources(Resources());
    }

    /// <summary>The same, with the methods that older clients know and the product does not serve. Whoever adds a handler gets it behind the gateway.</summary>
    public static void AddWithSessionsTo(IServiceCollection services)
    {
        AddTo(services);
#pragma warning disable MCP9005 // "deprecated", as logging to clients is; the suite asks for it of older versions
        services.AddMcpServer()
            .WithSetLoggingLevelHandler([RequiresScope(Scope)] (_, _) => ValueTask.FromResult(new EmptyResult()))
            .WithSubscribeToResourcesHandler([RequiresScope(Scope)] (_, _) => ValueTask.FromResult(new EmptyResult()))
            .WithUnsubscribeFromResourcesHandler([RequiresScope(Scope)] (_, _) => ValueTask.FromResult(new EmptyResult()));
#pragma warning restore MCP9005
    }

    private static IEnumerable<McpServerTool> Tools() =>
    [
        Tool("test_simple_text", [RequiresScope(Scope)] () => "A simple text."),
        Tool("test_image_content", [RequiresScope(Scope)] () => ImageContentBlock.FromBytes(Png, "image/png")),
        Tool("test_audio_content", [RequiresScope(Scope)] () => AudioContentBlock.FromBytes(Wav, "audio/wav")),
        Tool("test_embedded_resource", [RequiresScope(Scope)] () => Embedded("test://embedded-resource")),
        Tool("test_multiple_content_types", [RequiresScope(Scope)] () => (ContentBlock[])
            [new TextContentBlock { Text = "Three kinds:" }, ImageContentBlock.FromBytes(Png, "image/png"), Embedded("test://mixed-content-resource")]),
        Tool("test_error_handling", [RequiresScope(Scope)] string () => throw new ProblemException("This tool always fails.")),
        Tool("test_tool_with_progress", ProgressAsync),
        Tool("test_tool_with_logging", [RequiresScope(Scope)] (McpServer server, CancellationToken cancellationToken) => LogAsync(server, 3, cancellationToken)),
        Tool("test_logging_tool", [RequiresScope(Scope)] (McpServer server, CancellationToken cancellationToken) => LogAsync(server, 1, cancellationToken)),
        Tool("test_sampling", [RequiresScope(Scope)] (string prompt) => $"The model was asked: {prompt}"),
        Tool("test_elicitation", [RequiresScope(Scope)] (string message) => $"The person was asked: {message}"),
        Tool("test_header_tool", [RequiresScope(Scope)] ([McpHeader("Region")] string region) => $"In {region}."),
        WithSchema(Tool("json_schema_2020_12_tool", [RequiresScope(Scope)] () => "It is only listed.")),
        .. SuiteQuestions.ToolsWithoutArguments.Select(name => Tool(name, [RequiresScope(Scope)] () => "All questions were answered (state-ok).")),
    ];

    private static IEnumerable<McpServerPrompt> Prompts() =>
    [
        Prompt("test_simple_prompt", [RequiresScope(Scope)] () => "A simple prompt."),
        Prompt("test_prompt_with_arguments", [RequiresScope(Scope), Completes("arg1", Scope)] (string arg1, string arg2) => $"A prompt about {arg1} and {arg2}."),
        Prompt("test_prompt_with_embedded_resource", [RequiresScope(Scope)] (string resourceUri) => Says(Embedded(resourceUri))),
        Prompt("test_prompt_with_image", [RequiresScope(Scope)] () => Says(ImageContentBlock.FromBytes(Png, "image/png"))),
        Prompt(SuiteQuestions.Prompt, [RequiresScope(Scope)] () => "All questions were answered."),
    ];

    private static IEnumerable<McpServerResource> Resources() =>
    [
        Resource("test://static-text", Text, [RequiresScope(Scope)] () => "A text that is always the same."),
        Resource("test://static-binary", "image/png", [RequiresScope(Scope)] () => BlobResourceContents.FromBytes(Png, "test://static-binary", "image/png")),
        Resource("test://template/{id}/data", "application/json", [RequiresScope(Scope)] (string id) => new JsonObject { ["id"] = id }.ToJsonString()),
        Resource("test://watched-resource", Text, [RequiresScope(Scope)] () => "A text that could change."),
    ];

    [RequiresScope(Scope)]
    private static async Task<string> ProgressAsync(IProgress<ProgressNotificationValue> progress, CancellationToken cancellationToken)
    {
        foreach (var done in (int[])[0, 50, 100])
        {
            progress.Report(new ProgressNotificationValue { Progress = done, Total = 100 });
            // The suite wants them one by one.
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        return "Done.";
    }

    /// <summary>As the SDK sends log messages to a client: only to one that has asked for them.</summary>
    private static async Task<string> LogAsync(McpServer server, int count, CancellationToken cancellationToken)
    {
#pragma warning disable MCP9005 // the same
        using var provider = server.AsClientLoggerProvider();
#pragma warning restore MCP9005
        var log = provider.CreateLogger(nameof(SuiteFixtures));
        for (var i = 1; i <= count; i++)
        {
            log.LogInformation("Step {Step}", i);
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        return "Logged.";
    }

    private static EmbeddedResourceBlock Embedded(string uri) => new() { Resource = new TextResourceContents { Uri = uri, MimeType = Text, Text = "A text in a resource." } };

    private static PromptMessage[] Says(ContentBlock content) =>
        [new() { Role = Role.User, Content = content }, new() { Role = Role.User, Content = new TextContentBlock { Text = "Look at this." } }];

    private static McpServerTool Tool(string name, Delegate run) => McpServerTool.Create(run, Declared.Tool(name));

    /// <summary>With words that a client has to get as they are.</summary>
    private static McpServerTool WithSchema(McpServerTool tool)
    {
        tool.ProtocolTool.InputSchema = JsonElement.Parse(Schema);
        return tool;
    }

    private static McpServerPrompt Prompt(string name, Delegate run) => McpServerPrompt.Create(run, new() { Name = name, Title = name, Description = "A prompt for tests." });

    private static McpServerResource Resource(string uri, string type, Delegate read) =>
        McpServerResource.Create(read, new() { UriTemplate = uri, Name = uri, Title = uri, MimeType = type, Description = "A resource for tests." });
}
