using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>What a tool may give: what its output schema says, and nothing of what went wrong inside of it.</summary>
public sealed class ResultsTests
{
    private const string Secret = "/srv/secret/path";

    private static readonly JsonElement Schema = JsonSerializer.SerializeToElement(JsonNode.Parse(
        """{"type":"object","properties":{"name":{"type":"string"},"count":{"type":["integer","null"]},"list":{"type":"array","items":{"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"]}}},"required":["name"]}"""));

    private static Dictionary<string, CallToolResult> Wrong { get; } = new()
    {
        ["another type"] = Structured($$"""{"name":["{{Secret}}"]}"""),
        ["a number with a fraction"] = Structured($$"""{"name":"{{Secret}}","count":1.5}"""),
        ["a missing member"] = Structured($$"""{"count":1,"list":[{"kind":"{{Secret}}"}]}"""),
        ["an undeclared member"] = Structured($$"""{"name":"x","connection":"{{Secret}}"}"""),
        ["an undeclared member inside"] = Structured($$"""{"name":"x","list":[{"kind":"a"},{"kind":"b","row":"{{Secret}}"}]}"""),
        ["a value that is none of them"] = Structured($$"""{"name":"x","list":[{"kind":"{{Secret}}"}]}"""),
        ["null for what is not null"] = Structured($$"""{"name":null,"list":["{{Secret}}"]}"""),
        ["a list"] = Structured($$"""["{{Secret}}"]"""),
        ["nothing structured"] = new() { Content = [new TextContentBlock { Text = Secret }] },
        ["something structured in an error"] = Structured($$"""{"name":"{{Secret}}"}""", isError: true),
    };

    private static Dictionary<string, Func<Exception>> Faults { get; } = new()
    {
        ["path"] = () => new IOException($"Could not find a part of the path '{Secret}'."),
        ["sql"] = () => new SqliteException($"SQLite Error 1: 'near \"{Secret}\": syntax error' in select * from member", 1),
        ["connection string"] = () => new InvalidOperationException($"Data Source={Secret};Password=hunter2"),
        ["nested"] = () => new AggregateException(new InvalidDataException(Secret, new UnauthorizedAccessException(Secret))),
        ["McpException"] = () => new McpException($"The file {Secret} is locked"),
        ["McpProtocolException"] = () => new McpProtocolException(Secret, McpErrorCode.InternalError),
        ["UrlElicitationRequiredException"] = () => new UrlElicitationRequiredException(Secret, [new ElicitRequestParams { Mode = "url", ElicitationId = "1", Url = "https://evil.example", Message = Secret }]),
        ["InputRequiredException"] = () => new InputRequiredException(new Dictionary<string, InputRequest>(), Secret),
        ["cancelled elsewhere"] = () => new TaskCanceledException(Secret),
    };

    public static TheoryData<string> WrongOnes => [.. Wrong.Keys];

    public static TheoryData<string> FaultsThereAre => [.. Faults.Keys];

    [Theory]
    [Trait("Attack", "G17")]
    [MemberData(nameof(WrongOnes))]
    public async Task A_result_that_is_not_what_its_schema_says_is_a_plain_failure(string what)
    {
        foreach (var answer in await AnswersAsync(() => Wrong[what], Schema))
        {
            Plain(answer);
        }
    }

    [Fact]
    [Trait("Attack", "G17")]
    public async Task Structure_that_was_not_declared_is_a_plain_failure()
    {
        foreach (var answer in await AnswersAsync(() => Structured($$"""{"row":"{{Secret}}"}"""), schema: null))
        {
            Plain(answer);
        }
    }

    [Theory]
    [InlineData("""{"name":"x"}""")]
    [InlineData("""{"name":"","count":null}""")]
    [InlineData("""{"name":"x","count":3,"list":[{"kind":"a"},{"kind":"b"}]}""")]
    public async Task A_result_that_is_what_its_schema_says_arrives_as_it_is(string structured)
    {
        foreach (var answer in await AnswersAsync(() => Structured(structured), Schema))
        {
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(structured), JsonNode.Parse(answer.Structured.GetRawText())), answer.Text);
        }
    }

    [Fact]
    public async Task Records_lists_dictionaries_and_records_of_their_own_kind_can_be_results()
    {
        var made = (McpServerTool[])[Made("numbers", Numbers), Made("words", Words), Made("tree", Tree), Made("one", One)];
        await using var server = await Server.StartAsync(services => made.ToList().ForEach(tool => services.AddSingleton(tool)));
        var token = server.Tokens.Forge();

        foreach (var tool in made.Select(tool => tool.ProtocolTool))
        {
            Assert.All(await BothAsync(server, token, tool.Name), answer => Assert.False(answer.IsError, $"{tool.OutputSchema} {answer.Text}"));
        }
    }

    [Theory]
    [Trait("Attack", "G16")]
    [MemberData(nameof(FaultsThereAre))]
    public async Task Whatever_a_tool_throws_the_caller_reads_one_sentence_and_nothing_of_it(string fault)
    {
        foreach (var answer in await AnswersAsync(() => throw Faults[fault](), schema: null))
        {
            Plain(answer);
        }
    }

    private static void Plain(Answer answer)
    {
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        Assert.False(answer.Result.TryGetProperty("structuredContent", out _));
        Assert.Matches("^(The server could not do this\\. If it goes on, tell the operator the id ([0-9a-f]{32}|none)|An error occurred invoking 'odd')\\.$", answer.Failure);
    }

    private static CallToolResult Structured(string json, bool isError = false)
    {
        var structured = JsonSerializer.SerializeToElement(JsonNode.Parse(json));
        return new() { StructuredContent = structured, Content = [new TextContentBlock { Text = json }], IsError = isError };
    }

    private static async Task<IReadOnlyList<Answer>> AnswersAsync(Func<CallToolResult> result, JsonElement? schema)
    {
        var options = Declared.Tool("odd");
        (options.UseStructuredContent, options.OutputSchema) = (schema is not null, schema);
        options.Metadata = [new RequiresScopeAttribute(Scopes.ProjectsRead)];
        await using var server = await Server.StartAsync(services => services.AddSingleton(McpServerTool.Create(result, options)));
        return await BothAsync(server, server.Tokens.Forge(), "odd");
    }

    private static async Task<IReadOnlyList<Answer>> BothAsync(Server server, string token, string tool) =>
        [await server.CallAsync(token, tool, new { }), await server.CallAsync(token, tool, new { }, legacy: true)];

    private static McpServerTool Made(string name, Delegate method)
    {
        var options = Declared.Tool(name);
        (options.UseStructuredContent, options.SerializerOptions) = (true, ToolsSetup.Json);
        return McpServerTool.Create(method, options);
    }

    [RequiresScope(Scopes.ProjectsRead)]
    private static List<int> Numbers() => [1, 2];

    [RequiresScope(Scopes.ProjectsRead)]
    private static Dictionary<string, int> Words() => new() { ["a"] = 1 };

    [RequiresScope(Scopes.ProjectsRead)]
    private static Node Tree() => new("root", [new Node("leaf", [])], DayOfWeek.Monday);

    [RequiresScope(Scopes.ProjectsRead)]
    private static double One() => 1;

    private sealed record Node(string Name, IReadOnlyList<Node> Inner, DayOfWeek? Day = null);
}
