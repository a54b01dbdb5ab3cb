using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class ResourcesTests(Server server)
{
    private const string Baseline = "files:read projects:read";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_is_given_as_text_with_its_type_its_etag_and_the_mark_of_untrusted_content(bool legacy)
    {
        var token = await server.Tokens.OfAsync("alice", Baseline);

        var answer = await server.SendAsync(token, Read("project://welcome/shopping-list.txt", legacy));

        var contents = answer.Result.GetProperty("contents")[0];
        Assert.Equal("project://welcome/shopping-list.txt", contents.GetProperty("uri").GetString());
        Assert.Equal("bread\nbutter\napples\ntea\n", contents.GetProperty("text").GetString());
        Assert.Equal("text/plain", contents.GetProperty("mimeType").GetString());
        Assert.True(contents.GetProperty("_meta").GetProperty(Untrusted.Key).GetBoolean());
        Assert.True(answer.Result.GetProperty("_meta").GetProperty(Untrusted.Key).GetBoolean());
        var listed = (await server.CallAsync(token, "list_directory", new { project = "welcome" })).Structured.GetProperty("entries").EnumerateArray()
            .Single(entry => entry.GetProperty("path").GetString() == "shopping-list.txt");
        Assert.Equal(listed.GetProperty("etag").GetString(), contents.GetProperty("_meta").GetProperty("mcp-files-server/etag").GetString());
    }

    [Fact]
    public async Task What_depends_on_the_caller_is_private_and_stored_by_nobody()
    {
        var token = await server.Tokens.OfAsync("alice", Baseline);

        foreach (var message in (Message[])[Read("project://welcome"), Read("project://welcome/readme.md"), Message.Of("resources/list", []), Message.Of("resources/templates/list", []), Message.Of("prompts/list", [])])
        {
            var answer = await server.SendAsync(token, message);

            Assert.Equal("private", answer.Result.GetProperty("cacheScope").GetString());
            Assert.Contains("no-store", answer.Headers["Cache-Control"], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("project://welcome", "readme.md")]
    [InlineData("project://welcome/", "readme.md")]
    public async Task A_project_and_a_directory_are_lists_of_what_is_in_them(string uri, string expected)
    {
        var answer = await server.SendAsync(await server.Tokens.OfAsync("bob", Baseline), Read(uri));

        var contents = answer.Result.GetProperty("contents")[0];
        Assert.Equal((uri, "application/json"), (contents.GetProperty("uri").GetString(), contents.GetProperty("mimeType").GetString()));
        using var listing = JsonDocument.Parse(contents.GetProperty("text").GetString()!);
        Assert.Contains(expected, listing.RootElement.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("path").GetString()));
        Assert.False(listing.RootElement.GetProperty("truncated").GetBoolean());
        if (uri.EndsWith("welcome", StringComparison.Ordinal))
        {
            Assert.Equal("reader", listing.RootElement.GetProperty("project").GetProperty("role").GetString());
        }
    }

    [Theory]
    [InlineData("bin.dat", new byte[] { 0, 1, 2, 255 }, "application/octet-stream", true)]
    [InlineData("dot.png", new byte[] { 0x89, 0x50, 0x4E, 0x47, 0 }, "image/png", true)]
    [InlineData("page.md", new byte[] { 0x23, 0x20, 0xC3, 0xA4 }, "text/markdown", false)]
    [InlineData("code.ts", new byte[] { 0x6C, 0x65, 0x74 }, "text/plain", false)]
    [InlineData("wide.txt", new byte[] { 0xFF, 0xFE, 0x61, 0x00 }, "text/plain", false)]
    [InlineData("empty.txt", new byte[0], "text/plain", false)]
    [InlineData("half.txt", new byte[] { 0x61, 0xC3 }, "text/plain", true)]
    public async Task What_is_text_is_given_as_text_and_everything_else_as_base64(string name, byte[] bytes, string type, bool blob)
    {
        var (token, slug) = await ProjectAsync();
        await File.WriteAllBytesAsync(OnDisk(slug, name), bytes);

        var contents = (await server.SendAsync(token, Read($"project://{slug}/{name}"))).Result.GetProperty("contents")[0];

        Assert.Equal(type, contents.GetProperty("mimeType").GetString());
        Assert.Equal(blob, contents.TryGetProperty("blob", out var base64));
        if (blob)
        {
            Assert.Equal(bytes, base64.GetBytesFromBase64());
        }
        else
        {
            Assert.Equal(name == "wide.txt" ? "a" : Encoding.UTF8.GetString(bytes), contents.GetProperty("text").GetString());
        }
    }

    [Theory]
    [InlineData("a b.txt", "a%20b.txt")]
    [InlineData("100%.txt", "100%25.txt")]
    [InlineData("a&b=c,d;(e)!.txt", "a&b=c,d;(e)!.txt")]
    [InlineData("a#b?c.txt", "a%23b%3Fc.txt")]
    [InlineData("ärger.txt", "%C3%A4rger.txt")]
    [InlineData("ärger2.txt", "a%CC%88rger2.txt")]
    [InlineData("%41.txt", "%2541.txt")]
    [InlineData("plain.txt", "pl%61in.txt")]
    [InlineData("{x}.txt", "%7Bx%7D.txt")]
    public async Task A_name_is_percent_decoded_once_and_found_in_its_composed_form(string name, string encoded)
    {
        var (token, slug) = await ProjectAsync();
        await File.WriteAllTextAsync(OnDisk(slug, name), name);

        var answer = await server.SendAsync(token, Read($"project://{slug}/{encoded}"));

        var contents = answer.Result.GetProperty("contents")[0];
        Assert.Equal((name, $"project://{slug}/{encoded}"), (contents.GetProperty("text").GetString(), contents.GetProperty("uri").GetString()));
    }

    [Fact]
    public async Task A_file_beyond_the_limit_is_refused_with_what_to_do_instead()
    {
        var (token, slug) = await ProjectAsync();
        await File.WriteAllBytesAsync(OnDisk(slug, "large.txt"), new byte[(1024 * 1024) + 1]);

        var answer = await server.SendAsync(token, Read($"project://{slug}/large.txt"));

        Assert.Equal(-32602, answer.ErrorCode);
        Assert.Equal("This file is larger than the 1048576 bytes that a resource may have. Read it in parts with read_text_file.", answer.ErrorMessage);
    }

    [Fact]
    public async Task The_list_has_the_callers_projects_in_pages_and_a_cursor_is_good_for_its_owner_only()
    {
        await using var own = await Server.StartAsync();
        var alice = await own.Tokens.OfAsync("alice", "projects:read projects:write");
        var bob = await own.Tokens.OfAsync("bob", "projects:read");
        foreach (var i in Enumerable.Range(0, 120))
        {
            await own.CallAsync(alice, "create_project", new { title = $"Many {i:000}" });
        }

        var first = (await own.SendAsync(alice, Message.Of("resources/list", []))).Result;
        var cursor = first.GetProperty("nextCursor").GetString()!;
        var second = (await own.SendAsync(alice, List(cursor))).Result;

        var all = first.GetProperty("resources").EnumerateArray().Concat(second.GetProperty("resources").EnumerateArray()).ToList();
        var listed = (await own.CallAsync(alice, "list_projects", new { })).Structured.GetProperty("projects").EnumerateArray().Select(project => $"project://{project.GetProperty("slug").GetString()}");
        Assert.Equal(listed, all.Select(resource => resource.GetProperty("uri").GetString()));
        Assert.Equal(100, first.GetProperty("resources").GetArrayLength());
        Assert.False(second.TryGetProperty("nextCursor", out _));
        Assert.DoesNotContain("many-", cursor, StringComparison.Ordinal);

        Assert.Equal(["project://welcome"], (await own.SendAsync(bob, Message.Of("resources/list", []))).Result.GetProperty("resources").EnumerateArray().Select(resource => resource.GetProperty("uri").GetString()));
        foreach (var (token, wrong) in ((string, string)[])[(bob, cursor), (alice, cursor[..^3] + "abc"), (alice, "welcome"), (alice, "")])
        {
            var refused = await own.SendAsync(token, List(wrong));
            Assert.Equal((-32602, "The cursor does not belong to this listing, or is too old. Begin again without one."), (refused.ErrorCode, refused.ErrorMessage));
        }
    }

    [Fact]
    public async Task The_templates_are_listed_and_say_what_they_are()
    {
        var templates = (await server.SendAsync(await server.Tokens.OfAsync("bob", "people:read"), Message.Of("resources/templates/list", [])))
            .Result.GetProperty("resourceTemplates").EnumerateArray().ToDictionary(template => template.GetProperty("uriTemplate").GetString()!);

        Assert.Equal([ProjectUri.OfProject, ProjectUri.OfFile], templates.Keys.OrderBy(template => template.Length));
        Assert.All(templates.Values, template => Assert.NotEmpty(template.GetProperty("description").GetString()!));
        Assert.Equal("application/json", templates[ProjectUri.OfProject].GetProperty("mimeType").GetString());
        // Of files it depends on the file.
        Assert.False(templates[ProjectUri.OfFile].TryGetProperty("mimeType", out _));
    }

    [Theory]
    [InlineData("resources/list", null, "projects:read")]
    [InlineData("resources/read", "project://welcome", "projects:read files:read")]
    [InlineData("resources/read", "project://welcome/readme.md", "files:read")]
    public async Task Each_takes_its_scopes(string method, string? uri, string scopes)
    {
        var message = Message.Of(method, uri is null ? [] : new JsonObject { ["uri"] = uri }, uri);

        var refused = await server.SendAsync(await server.Tokens.OfAsync("alice", "people:read"), message);
        var allowed = await server.SendAsync(await server.Tokens.OfAsync("alice", scopes), message);

        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Contains($"error=\"insufficient_scope\", scope=\"{scopes}\"", refused.Challenge, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, allowed.Status);
        Assert.True(allowed.Body.TryGetProperty("result", out _));
    }

    [Fact]
    public async Task What_is_advertised_is_what_there_is()
    {
        var token = await server.Tokens.OfAsync("alice", Baseline);

        var modern = (await server.SendAsync(token, Message.Of("server/discover", []))).Result.GetProperty("capabilities");
        var legacy = (await server.SendAsync(token, Message.Of(
            "initialize", new JsonObject { ["protocolVersion"] = "2025-11-25", ["capabilities"] = new JsonObject(), ["clientInfo"] = new JsonObject { ["name"] = "x", ["version"] = "1" } }, legacy: true)))
            .Result.GetProperty("capabilities");

        Assert.Equal("""{"resources":{"subscribe":true},"prompts":{},"tools":{},"completions":{}}""", Ordered(modern, """{"resources":{"subscribe":true},"prompts":{},"tools":{},"completions":{}}"""));
        Assert.Equal("""{"resources":{},"prompts":{},"tools":{},"completions":{}}""", Ordered(legacy, """{"resources":{},"prompts":{},"tools":{},"completions":{}}"""));
    }

    [Theory]
    [InlineData("project://a", "a", null)]
    [InlineData("project://a/", "a", "")]
    [InlineData("project://a/b/c.txt", "a", "b/c.txt")]
    [InlineData("project://a/b/", "a", "b")]
    [InlineData("project://a-1/%62", "a-1", "b")]
    public void An_address_is_read(string uri, string project, string? path)
    {
        var read = ProjectUri.Read(uri);

        Assert.Equal((project, path), (read!.Project, read.Path?.Text));
        Assert.Equal(read, ProjectUri.Read(read.ToString()));
    }

    private static string Ordered(JsonElement actual, string expected) =>
        JsonNode.DeepEquals(JsonNode.Parse(actual.GetRawText()), JsonNode.Parse(expected)) ? expected : actual.GetRawText();

    private static Message Read(string uri, bool legacy = false) => Message.Of("resources/read", new JsonObject { ["uri"] = uri }, uri, legacy);

    private static Message List(string cursor) => Message.Of("resources/list", new JsonObject { ["cursor"] = cursor });

    private string OnDisk(string slug, string name) => Path.Combine(server.Storage, "projects", slug, name);

    private async Task<(string Token, string Slug)> ProjectAsync()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write files:read files:write");
        return (token, (await server.CallAsync(token, "create_project", new { title = "Resources" })).Structured.GetProperty("slug").GetString()!);
    }
}
