using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Commands;

/// <summary><c>token</c>, as a person types it while the server runs.</summary>
public sealed class TokenTests(Server server)
{
    [Fact]
    public async Task It_prints_a_token_and_nothing_else()
    {
        var (exitCode, output, error) = await RunAsync("alice", "files:read projects:read");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(3, Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Split('.').Length);
    }

    [Theory]
    [InlineData("alice", "files:read files:red", "There is no scope files:red. Scopes are: projects:read ")]
    [InlineData("alice", "files:read\tprojects:read", "There is no such scope. Scopes are: projects:read ")]
    [InlineData("alice", "", "scope must be one or more of: projects:read ")]
    [InlineData("carol", "files:read", "username must be one of: alice, bob.")]
    public async Task What_is_wrong_is_said_in_one_line_and_nothing_is_printed(string user, string scope, string line)
    {
        var (exitCode, output, error) = await RunAsync(user, scope);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith(line, Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(string user, string scope) =>
        ServerProcess.RunAsync(["token", user, scope], ("Storage__Directory", server.Storage), ("Mcp__Resource", server.Resource), ("Dev__Url", $"{server.Provider}"));
}
