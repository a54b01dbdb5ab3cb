using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>MCP Inspector's command line with a token that is already there.</summary>
public sealed class InspectorTests(Server server)
{
    private const string Initialize = "legacy"; // what it speaks when it is not told
    private const string Stateless = "modern";

    [Theory]
    [InlineData(Initialize)]
    [InlineData(Stateless)]
    public async Task The_inspector_lists_the_tools(string era)
    {
        var (status, output, errors) = await RunAsync(era, "files:read projects:read", "--method", "tools/list");

        Assert.True(status == 0, errors);
        var tools = JsonElement.Parse(output).GetProperty("result").GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString());
        Assert.Superset(new HashSet<string?> { "read_text_file", "create_project", "write_file" }, tools.ToHashSet());
    }

    [Theory]
    [InlineData(Initialize)]
    [InlineData(Stateless)]
    public async Task The_inspector_reads_a_file(string era)
    {
        var (status, output, errors) = await RunAsync(
            era, "files:read projects:read", "--method", "tools/call", "--tool-name", "read_text_file", "--tool-arg", "project=welcome", "--tool-arg", "path=shopping-list.txt");

        Assert.True(status == 0, errors);
        Assert.Equal("bread\nbutter\napples\ntea\n", JsonElement.Parse(output).GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData(Initialize)]
    [InlineData(Stateless)]
    public async Task The_inspector_fails_visibly_when_the_token_lacks_a_scope(string era)
    {
        var (status, output, errors) = await RunAsync(era, "files:read projects:read", "--method", "tools/call", "--tool-name", "create_project", "--tool-arg", "title=Never made");

        Assert.NotEqual(0, status);
        Assert.Empty(output);
        Assert.Contains("projects:write", errors, StringComparison.Ordinal);
    }

    private async Task<(int Status, string Output, string Errors)> RunAsync(string era, string scopes, params IEnumerable<string> arguments)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var token = await server.Tokens.OfAsync("alice", scopes);
        return await NodeClients.RunAsync(
            NodeClients.Inspector,
            limit.Token,
            [
                "--cli", server.Resource, "--transport", "http", "--protocol-era", era, "--stored-auth-only", "--format", "json",
                "--header", $"Authorization: Bearer {token}", .. arguments,
            ]);
    }
}
