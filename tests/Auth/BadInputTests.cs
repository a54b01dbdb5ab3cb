using System.Net;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Input of a caller with a good token that is not what it should be: one clear answer, and nothing happened.</summary>
public sealed class BadInputTests(Server server)
{
    private const string Good = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_projects","arguments":{}}}""";

    [Theory]
    [InlineData("", -32700)]
    [InlineData("{", -32700)]
    [InlineData(Good + "x", -32700)]
    [InlineData("/* hello */" + Good, -32700)]
    [InlineData("\ufeff" + Good, -32700)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"id":8,"method":"tools/list"}""", -32700)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_projects","name":"create_project"}}""", -32700)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_projects","arguments":{"a":{"b":1,"b":2}}}}""", -32700)]
    [InlineData("[" + Good + "]", -32600)]
    [InlineData("null", -32600)]
    [InlineData("""{"jsonrpc":"1.0","id":7,"method":"tools/list"}""", -32600)]
    [InlineData("""{"id":7,"method":"tools/list"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":null,"method":"tools/list"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":{},"method":"tools/list"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":5}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/list","params":[]}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"Name":"list_projects"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","param\u017f":{"name":"list_projects"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"METHOD":"tools/list","method":"ping"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_projects","_META":{}}}""", -32600)]
    public async Task A_message_that_can_be_read_in_two_ways_or_none_is_a_400(string body, int code)
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write");

        var answer = await server.SendAsync(token, Message.List(legacy: true).With(body));

        Assert.Equal((HttpStatusCode.BadRequest, code), (answer.Status, answer.ErrorCode));
        Assert.DoesNotContain("LineNumber", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("BytePosition", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no_such_tool")]
    [InlineData("Create_Project")]
    [InlineData("create_project ")]
    [InlineData("crеate_project")]
    public async Task An_unknown_tool_is_the_same_for_everybody(string tool)
    {
        var much = await server.Tokens.OfAsync("alice", "projects:read projects:write files:read files:write");
        var little = await server.Tokens.OfAsync("bob", "people:read");

        var answers = await Task.WhenAll(
            server.CallAsync(much, tool, new { title = "x" }, legacy: true), server.CallAsync(little, tool, new { title = "x" }, legacy: true),
            server.CallAsync(much, "another", new { title = "x" }, legacy: true));

        Assert.All(answers, answer => Assert.Equal((HttpStatusCode.OK, -32602, answers[0].Text), (answer.Status, answer.ErrorCode, answer.Text)));
    }

    [Theory]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":{}}""")]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x"}}""")]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":[1],"clientInfo":{"name":"x","version":"1"}}""")]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":{"sampling":5},"clientInfo":{"name":"x","version":"1"}}""")]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":5}""")]
    public async Task An_initialize_that_the_SDK_cannot_read_is_a_400_with_its_id(string parameters)
    {
        var answer = await server.SendAsync(server.Tokens.Forge(), Message.List(legacy: true).With(
            $$$"""{"jsonrpc":"2.0","id":7,"method":"initialize","params":{{{parameters}}} }"""));

        Assert.Equal((HttpStatusCode.BadRequest, -32602, 7), (answer.Status, answer.ErrorCode, answer.Body.GetProperty("id").GetInt32()));
    }

    [Fact]
    public async Task An_unknown_method_is_a_404_and_for_older_clients_an_error_with_200()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read");

        var modern = await server.SendAsync(token, Message.Of("tools/destroy", []));
        var legacy = await server.SendAsync(token, Message.Of("tools/destroy", [], legacy: true));

        Assert.Equal((HttpStatusCode.NotFound, -32601), (modern.Status, modern.ErrorCode));
        Assert.Equal((HttpStatusCode.OK, -32601), (legacy.Status, legacy.ErrorCode));
    }

    [Fact]
    public async Task A_call_without_an_id_is_accepted_and_not_carried_out()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write");
        var before = (await server.CallAsync(token, "list_projects", new { })).Text;

        var answer = await server.SendAsync(token, Message.List(legacy: true).With(
            """{"jsonrpc":"2.0","method":"tools/call","params":{"name":"create_project","arguments":{"title":"ghost"}}}"""));

        Assert.Equal((HttpStatusCode.Accepted, ""), (answer.Status, answer.Text));
        Assert.DoesNotContain("ghost", (await server.CallAsync(token, "list_projects", new { })).Text, StringComparison.Ordinal);
        Assert.NotEmpty(before);
    }

    [Theory]
    [InlineData("Mcp-Method", "tools/list", -32020)]
    [InlineData("Mcp-Name", "list_projects", -32020)]
    [InlineData("Mcp-Name", "=?base64?bGlzdF9wcm9qZWN0cw==?=", -32020)]
    [InlineData("Mcp-Name", "=?base64?!!!?=", -32020)]
    [InlineData("Mcp-Name", null, -32020)]
    [InlineData("Mcp-Method", null, -32020)]
    [InlineData("MCP-Protocol-Version", null, -32020)]
    [InlineData("MCP-Protocol-Version", "2025-11-25", -32020)]
    [InlineData("MCP-Protocol-Version", "2099-01-01", -32020)]
    public async Task Headers_that_say_something_else_than_the_body_are_refused(string header, string? value, int code)
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write");

        var answer = await server.SendAsync(token, Message.Call("create_project", new { title = "x" }).WithHeader(header, value));

        Assert.Equal((HttpStatusCode.BadRequest, code), (answer.Status, answer.ErrorCode));
    }

    [Theory]
    [InlineData("2024-11-05")]
    [InlineData("2099-01-01")]
    public async Task A_version_that_is_not_served_is_refused_with_those_that_are(string version)
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read");

        var answer = await server.SendAsync(token, Message.List(legacy: true).WithHeader("MCP-Protocol-Version", version));

        Assert.Equal((HttpStatusCode.BadRequest, -32022), (answer.Status, answer.ErrorCode));
        Assert.Equal("2026-07-28", answer.Body.GetProperty("error").GetProperty("data").GetProperty("supported")[0].GetString());
    }

    [Theory]
    [InlineData("list_directory", """{"project":"welcome","limit":"5"}""", "The argument 'limit' must be a whole number.")]
    [InlineData("list_directory", """{"project":"welcome","limit":0}""", "The argument 'limit' must be at least 1.")]
    [InlineData("list_directory", """{"project":"welcome","sort":"color"}""", "The argument 'sort' must be one of: name, size, modified.")]
    [InlineData("list_directory", """{"Project":"welcome"}""", null)]
    [InlineData("list_directory", """{"project":["welcome"]}""", "The argument 'project' must be a string.")]
    [InlineData("list_directory", """{"project":null}""", "Name a project or a workspace, and not both.")]
    [InlineData("list_directory", """{}""", "Name a project or a workspace, and not both.")]
    [InlineData("get_project", """{}""", "The argument 'project' is missing.")]
    [InlineData("list_projects", """{"user":"bob"}""", "There is no argument 'user'. This tool takes: archived.")]
    [InlineData("read_text_file", """{"project":"welcome","path":"readme.md","head":1,"tail":1}""", "Use only one of head, tail, and start_line with end_line.")]
    [InlineData("read_text_file", """{"project":"welcome","path":"nothing.md"}""", null)]
    [InlineData("read_text_file", """{"project":"welcome","path":"../welcome/readme.md"}""", null)]
    [InlineData("read_text_file", """{"project":"welcome","path":"/etc/passwd"}""", null)]
    [InlineData("read_text_file", """{"project":"welcome/../welcome","path":"readme.md"}""", null)]
    public async Task Wrong_arguments_are_a_plain_sentence_that_names_the_argument(string tool, string arguments, string? sentence)
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read files:read");

        var answer = await server.SendAsync(token, Message.List(legacy: true).With(
            $$$"""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}} }}"""));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(sentence ?? answer.Failure, answer.Failure);
        Assert.DoesNotMatch(@"/tmp|/home|\\\\|at .+\.cs|Exception|SQLite", answer.Text);
    }

    [Fact]
    public async Task A_file_that_is_too_large_or_not_text_is_refused_with_what_to_do()
    {
        await using var server = await Server.StartAsync(null, ("Files:MaxTextBytes", "524288"));
        var token = await server.Tokens.OfAsync("alice", "projects:write files:read files:write");
        var slug = (await server.CallAsync(token, "create_project", new { title = "big" })).Structured.GetProperty("slug").GetString()!;
        var folder = Path.Combine(server.Storage, "projects", slug);
        await File.WriteAllTextAsync(Path.Combine(folder, "big.txt"), string.Concat(Enumerable.Repeat("0123456789abcde\n", 50_000)));
        await File.WriteAllBytesAsync(Path.Combine(folder, "picture.png"), [0x89, 0x50, 0x4E, 0x47, 0, 1, 2]);
        File.CreateSymbolicLink(Path.Combine(folder, "link.txt"), "/etc/hostname");

        Assert.Equal(
            "'big.txt' has 800000 bytes, and one call gives at most 524288. Read a part of it with head, tail, or start_line and end_line.",
            (await server.CallAsync(token, "read_text_file", new { project = slug, path = "big.txt" })).Failure);
        Assert.Equal("0123456789abcde\n", (await server.CallAsync(token, "read_text_file", new { project = slug, path = "big.txt", start_line = 50_000 })).Content);
        Assert.Contains("\"cut\":true", (await server.CallAsync(token, "read_text_file", new { project = slug, path = "big.txt", head = 49_000 })).Result.GetProperty("content")[1].GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal("'picture.png' is not a text file in UTF-8 or UTF-16. read_media_file gives it as it is.", (await server.CallAsync(token, "read_text_file", new { project = slug, path = "picture.png" })).Failure);
        Assert.Equal(
            (await server.CallAsync(token, "read_text_file", new { project = slug, path = "none.txt" })).Failure,
            (await server.CallAsync(token, "read_text_file", new { project = slug, path = "link.txt" })).Failure.Replace("link", "none", StringComparison.Ordinal));
        Assert.Equal(
            "The content has 600000 bytes, and one call takes at most 524288.",
            (await server.CallAsync(token, "write_file", new { project = slug, path = "new.txt", content = new string('x', 600_000) })).Failure);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await server.CallAsync(token, "write_file", new { project = slug, path = "new.txt", content = new string('x', 2_000_000) })).Status);
        Assert.False(File.Exists(Path.Combine(folder, "new.txt")));
    }

    [Fact]
    public async Task A_foreign_host_or_origin_is_refused_before_anything_else()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read");

        var host = await server.SendAsync(token, Message.List().WithHeader("Host", "evil.example"));
        var origin = await server.SendAsync(token, Message.List().WithHeader("Origin", "https://evil.example"));
        var none = await server.SendAsync(token, Message.List().WithHeader("Origin", "null"));

        Assert.Equal((HttpStatusCode.BadRequest, -32600), (host.Status, host.ErrorCode));
        Assert.Equal((HttpStatusCode.Forbidden, ""), (origin.Status, origin.Challenge));
        Assert.Equal((HttpStatusCode.Forbidden, ""), (none.Status, none.Challenge));
    }
}
