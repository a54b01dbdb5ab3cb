using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>The bridge that assistants without OAuth of their own use, with the server's URL and nothing else.</summary>
public sealed class McpRemoteTests(Server server)
{
    private static readonly string[] Legacy = [];
    private static readonly string[] Modern = ["--protocol", "auto"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mcp_remote_signs_in_and_steps_up_twice_within_the_call_that_needs_it(bool modern)
    {
        using var browser = new ScriptedBrowser();
        await using var remote = await McpRemote.StartAsync(server, browser, modern ? Modern : Legacy);
        Assert.Equal(["files:read", "offline_access", "projects:read"], Assert.Single(browser.Consents).Names.Order());

        var tools = (await remote.AskAsync("tools/list", new { })).GetProperty("result").GetProperty("tools");
        Assert.Superset(
            new HashSet<string?> { "read_text_file", "create_project", "write_file" }, tools.EnumerateArray().Select(tool => tool.GetProperty("name").GetString()).ToHashSet());

        var read = Result(await remote.CallAsync("read_text_file", new { project = "welcome", path = "shopping-list.txt" }));
        Assert.Equal("bread\nbutter\napples\ntea\n", read.GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Single(browser.Consents);

        var created = Result(await remote.CallAsync("create_project", new { title = "Made through mcp-remote" }));
        Assert.Equal(2, browser.Consents.Count);
        Assert.Equal(["files:read", "offline_access", "projects:read", "projects:write"], browser.Consents[1].Names.Order());
        Assert.Equal("Create, rename, archive and restore projects", browser.Consents[1].Scopes["projects:write"]);

        var slug = created.GetProperty("structuredContent").GetProperty("slug").GetString();
        Result(await remote.CallAsync("write_file", new { project = slug, path = "first.txt", content = "hello\n" }));
        Assert.Equal(3, browser.Consents.Count);
        Assert.Equal(["files:read", "files:write", "offline_access", "projects:read", "projects:write"], browser.Consents[2].Names.Order());

        Assert.Equal(1, browser.SignIns);
        Assert.Equal(
            [("read_text_file", "allow"), ("create_project", "challenge"), ("create_project", "allow"), ("write_file", "challenge"), ("write_file", "allow")],
            server.DecisionsOn(remote.ClientId));
    }

    [Fact]
    public async Task When_the_person_denies_mcp_remote_the_step_up_the_call_fails_and_reading_goes_on()
    {
        using var browser = new ScriptedBrowser { Approves = consent => !consent.Scopes.ContainsKey("projects:write") };
        await using var remote = await McpRemote.StartAsync(server, browser);

        var refused = await remote.CallAsync("create_project", new { title = "Never made" });
        Assert.Contains("access_denied", refused.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, browser.Consents.Count);

        var projects = Result(await remote.CallAsync("list_projects", new { }));
        Assert.DoesNotContain("Never made", projects.GetRawText(), StringComparison.Ordinal);
        Assert.Equal([("create_project", "challenge"), ("list_projects", "allow")], server.DecisionsOn(remote.ClientId));
    }

    private static JsonElement Result(JsonElement answer)
    {
        Assert.True(answer.TryGetProperty("result", out var result), answer.GetRawText());
        Assert.False(result.TryGetProperty("isError", out var error) && error.GetBoolean(), answer.GetRawText());
        return result;
    }
}
