using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class ListingModeTests(Server shared)
{
    [Theory]
    [InlineData("files:read", new[] { "list_directory", "read_text_file" }, new[] { "write_file", "list_projects", "delete_file" })]
    [InlineData("files:write projects:read", new[] { "write_file", "list_projects" }, new[] { "read_text_file", "delete_file" })]
    [InlineData("FILES:READ files:readall", new string[0], new[] { "read_text_file", "write_file", "list_projects" })]
    public async Task When_only_granted_tools_are_listed_a_token_shows_what_it_suffices_for_and_calls_are_decided_as_ever(string scopes, string[] shown, string[] hidden)
    {
        await using var server = await Server.StartAsync(settings: ("Mcp:ToolListing", "Granted"));
        var token = server.Tokens.Forge(claims => claims["scope"] = scopes);

        var names = Names(await server.SendAsync(token, Message.Of("tools/list", [])));
        var once = Names(await server.SendAsync(token, Message.Of("tools/list", [], legacy: true)));

        Assert.Subset(names.ToHashSet(), shown.ToHashSet());
        Assert.Empty(names.Intersect(hidden));
        Assert.Equal(names, once);
        Assert.Equal(System.Net.HttpStatusCode.Forbidden, (await server.CallAsync(token, "delete_file", new { project = "welcome", path = "x" })).Status);
    }

    [Fact]
    public async Task Otherwise_every_token_shows_every_tool()
    {
        var names = Names(await shared.SendAsync(await shared.Tokens.OfAsync("alice", "people:read"), Message.Of("tools/list", [])));

        Assert.Contains("purge_trash", names);
        Assert.Contains("read_text_file", names);
    }

    private static List<string> Names(Answer answer) => [.. answer.Result.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()!)];
}
