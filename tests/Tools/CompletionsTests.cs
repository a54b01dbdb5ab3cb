using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class CompletionsTests(Server server)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_project_is_completed_from_the_callers_own(bool legacy)
    {
        var alice = await server.Tokens.OfAsync("alice", "projects:read projects:write");
        var slug = (await server.CallAsync(alice, "create_project", new { title = "Complete me" })).Structured.GetProperty("slug").GetString()!;
        var bob = await server.Tokens.OfAsync("bob", "projects:read");

        foreach (var reference in (JsonObject[])[Prompt("find_in_project"), Resource(ProjectUri.OfProject), Resource(ProjectUri.OfFile)])
        {
            Assert.Equal([slug], Values(await server.SendAsync(alice, Complete(reference, "project", slug[..^2], legacy: legacy))));
            Assert.Empty(Values(await server.SendAsync(bob, Complete(reference, "project", slug[..^2], legacy: legacy))));
            Assert.Equal(["welcome"], Values(await server.SendAsync(bob, Complete(reference, "project", "", legacy: legacy))).Where(value => value == "welcome"));
            Assert.Empty(Values(await server.SendAsync(alice, Complete(reference, "project", "Complete-me", legacy: legacy))));
            Assert.Empty(Values(await server.SendAsync(alice, Complete(reference, "project", "%", legacy: legacy))));
        }
    }

    [Fact]
    public async Task An_archived_project_is_completed_for_nobody()
    {
        var alice = await server.Tokens.OfAsync("alice", "projects:read projects:write");
        var slug = (await server.CallAsync(alice, "create_project", new { title = "Put away" })).Structured.GetProperty("slug").GetString()!;
        await server.CallAsync(alice, "archive_project", new { project = slug });

        Assert.Empty(Values(await server.SendAsync(alice, Complete(Prompt("review_changes"), "project", slug))));
    }

    [Theory]
    [InlineData("", new[] { "a b.txt", "docs/", "readme.md", "ärger.txt" })]
    [InlineData("re", new[] { "readme.md" })]
    [InlineData("Re", new string[0])]
    [InlineData("docs", new[] { "docs/" })]
    [InlineData("docs/", new[] { "docs/one.md", "docs/two.md" })]
    [InlineData("docs/t", new[] { "docs/two.md" })]
    [InlineData("docs/none", new string[0])]
    [InlineData("a\u0308r", new[] { "ärger.txt" })]
    [InlineData("nowhere/x", new string[0])]
    [InlineData("/", new string[0])]
    [InlineData("/etc/pass", new string[0])]
    [InlineData("../", new string[0])]
    [InlineData("docs/../re", new string[0])]
    [InlineData("docs/../../", new string[0])]
    [InlineData(".git/", new string[0])]
    [InlineData("readme.md/", new string[0])]
    [InlineData("docs\\", new string[0])]
    [InlineData("a\u202e", new string[0])]
    [InlineData("*", new string[0])]
    public async Task A_path_is_completed_in_the_directory_that_it_has_reached(string typed, string[] expected)
    {
        var (token, slug) = await ProjectAsync("readme.md", "a b.txt", "ärger.txt", "docs/one.md", "docs/two.md");

        var answer = await server.SendAsync(token, Complete(Resource(ProjectUri.OfFile), "path", typed, slug));

        Assert.Equal(expected, Values(answer));
        Assert.Equal(expected.Length, answer.Result.GetProperty("completion").GetProperty("total").GetInt32());
        Assert.False(answer.Result.GetProperty("completion").GetProperty("hasMore").GetBoolean());
    }

    [Fact]
    public async Task At_most_a_hundred_are_given_and_it_is_said_that_there_are_more()
    {
        var (token, slug) = await ProjectAsync([.. Enumerable.Range(0, 101).Select(i => $"f{i:000}.txt")]);

        var many = (await server.SendAsync(token, Complete(Resource(ProjectUri.OfFile), "path", "f", slug))).Result.GetProperty("completion");
        var all = (await server.SendAsync(token, Complete(Resource(ProjectUri.OfFile), "path", "f0", slug))).Result.GetProperty("completion");

        Assert.Equal((100, true, false), (many.GetProperty("values").GetArrayLength(), many.GetProperty("hasMore").GetBoolean(), many.TryGetProperty("total", out _)));
        Assert.Equal((100, false, 100), (all.GetProperty("values").GetArrayLength(), all.GetProperty("hasMore").GetBoolean(), all.GetProperty("total").GetInt32()));
    }

    [Fact]
    public async Task Without_a_project_there_is_no_path_and_a_foreign_project_is_one_that_is_not_there()
    {
        var (_, slug) = await ProjectAsync("secret.txt");
        var bob = await server.Tokens.OfAsync("bob", "files:read");

        var without = await server.SendAsync(bob, Complete(Resource(ProjectUri.OfFile), "path", ""));
        var foreign = await server.SendAsync(bob, Complete(Resource(ProjectUri.OfFile), "path", "", slug));
        var missing = await server.SendAsync(bob, Complete(Resource(ProjectUri.OfFile), "path", "", "no-such-project"));

        Assert.Empty(Values(without));
        Assert.Equal(missing.Text, foreign.Text);
        Assert.Equal(missing.Text, without.Text);
    }

    [Theory]
    [InlineData("ref/resource", ProjectUri.OfFile, "path", "projects:read", "files:read")]
    [InlineData("ref/resource", ProjectUri.OfFile, "project", "files:read", "projects:read")]
    [InlineData("ref/resource", ProjectUri.OfProject, "project", "files:read", "projects:read")]
    [InlineData("ref/prompt", "summarize_project", "project", "files:read", "projects:read")]
    [InlineData("ref/prompt", "find_in_project", "project", "files:read", "projects:read")]
    [InlineData("ref/prompt", "review_changes", "project", "files:read", "projects:read")]
    public async Task It_takes_the_scope_of_what_is_completed(string type, string name, string argument, string held, string needed)
    {
        var reference = type == "ref/prompt" ? Prompt(name) : Resource(name);

        var refused = await server.SendAsync(await server.Tokens.OfAsync("alice", held), Complete(reference, argument, ""));
        var allowed = await server.SendAsync(await server.Tokens.OfAsync("alice", needed), Complete(reference, argument, ""));

        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Contains($"error=\"insufficient_scope\", scope=\"{needed}\"", refused.Challenge, StringComparison.Ordinal);
        Assert.True(allowed.Body.TryGetProperty("result", out _));
    }

    [Theory]
    [InlineData("""{"type":"ref/prompt","name":"find_in_project"}""", "query")]
    [InlineData("""{"type":"ref/prompt","name":"find_in_project"}""", "Project")]
    [InlineData("""{"type":"ref/prompt","name":"no_such_prompt"}""", "project")]
    [InlineData("""{"type":"ref/prompt","name":"project://{project}"}""", "project")]
    [InlineData("""{"type":"ref/resource","uri":"find_in_project"}""", "project")]
    [InlineData("""{"type":"ref/resource","uri":"project://{project}"}""", "path")]
    [InlineData("""{"type":"ref/resource","uri":"project://welcome"}""", "project")]
    [InlineData("""{"type":"ref/resource","name":"find_in_project","uri":""}""", "project")]
    [InlineData("""{"type":"ref/tool","name":"read_text_file"}""", "project")]
    public async Task What_is_not_declared_is_not_completed(string reference, string argument)
    {
        var answer = await server.SendAsync(await server.Tokens.OfAsync("alice", "projects:read files:read"), Complete(JsonNode.Parse(reference)!.AsObject(), argument, ""));

        Assert.Equal((HttpStatusCode.OK, -32602, "There is nothing of this name to complete."), (answer.Status, answer.ErrorCode, answer.ErrorMessage));
    }

    [Theory]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"}}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":{}},"argument":{"name":"project","value":""}}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"},"argument":{"name":"project"}}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"},"argument":{"name":"project","value":5}}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"},"argument":["project",""]}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"},"argument":{"name":"project","value":""},"context":[]}""")]
    [InlineData("""{"ref":{"type":"ref/prompt","name":"find_in_project"},"argument":{"name":"project","value":""},"context":{"arguments":{"project":5}}}""")]
    [InlineData("""{"ref":{"type":5,"name":"find_in_project"},"argument":{"name":"project","value":""}}""")]
    [InlineData("{}")]
    public async Task What_cannot_be_read_is_a_400(string parameters)
    {
        var answer = await server.SendAsync(await server.Tokens.OfAsync("alice", "projects:read"), Message.Of("completion/complete", JsonNode.Parse(parameters)!.AsObject()));

        Assert.Equal((HttpStatusCode.BadRequest, -32602), (answer.Status, answer.ErrorCode));
    }

    private static JsonObject Prompt(string name) => new() { ["type"] = "ref/prompt", ["name"] = name };

    private static JsonObject Resource(string template) => new() { ["type"] = "ref/resource", ["uri"] = template };

    private static Message Complete(JsonObject reference, string argument, string value, string? project = null, bool legacy = false)
    {
        var parameters = new JsonObject { ["ref"] = reference.DeepClone(), ["argument"] = new JsonObject { ["name"] = argument, ["value"] = value } };
        if (project is not null)
        {
            parameters["context"] = new JsonObject { ["arguments"] = new JsonObject { ["project"] = project } };
        }

        return Message.Of("completion/complete", parameters, legacy: legacy);
    }

    private static List<string> Values(Answer answer) =>
        [.. answer.Result.GetProperty("completion").GetProperty("values").EnumerateArray().Select(value => value.GetString()!)];

    private async Task<(string Token, string Slug)> ProjectAsync(params string[] files)
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write files:read");
        var slug = (await server.CallAsync(token, "create_project", new { title = "Paths" })).Structured.GetProperty("slug").GetString()!;
        foreach (var file in files.Select(file => Path.Combine(server.Storage, "projects", slug, file)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, "x");
        }

        return (token, slug);
    }
}
