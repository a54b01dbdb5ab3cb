using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What the README says is so.</summary>
public sealed partial class ReadmeTests(Server server)
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "README.md"));

    [Fact]
    public void The_tables_have_every_tool_resource_and_prompt_with_its_scopes_and_no_other()
    {
        var documented = ToolRow().Matches(Readme).Select(match => (match.Groups[1].Value, match.Groups[2].Value)).Order();
        var served = server.Services.GetRequiredService<Surface>().Operations
            .Select(operation => (operation.Target!, string.Join(' ', operation.Scopes))).Order();

        Assert.Equal(served, documented);
    }

    [Fact]
    public async Task The_tool_that_it_shows_compiles_as_printed_and_works()
    {
        var printed = Readme[(Readme.IndexOf("```csharp\n", StringComparison.Ordinal) + "```csharp\n".Length)..];
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(ServerProcess.RepositoryRoot, "tests", "House", "NoteTools.cs")), printed[..printed.IndexOf("```", StringComparison.Ordinal)]);

        await using var own = await Server.StartAsync(services => services.AddMcpServer().With<NoteTools>());
        var written = await own.CallAsync(await own.Tokens.OfAsync("alice", "files:write"), "add_note", new { project = "welcome", text = "buy milk" });

        Assert.Equal(8, written.Structured.GetProperty("size").GetInt32());
    }

    [Fact]
    public void Every_file_that_is_linked_is_there() =>
        Assert.All(Link().Matches(Readme).Select(match => match.Groups[1].Value).Where(link => !link.StartsWith("http", StringComparison.Ordinal)), link =>
            Assert.True(Path.Exists(Path.Combine(ServerProcess.RepositoryRoot, link)), link));

    [GeneratedRegex("^\\| `([a-z_:/{}+]+)` \\| `([a-z: ]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex ToolRow();

    [GeneratedRegex("""\]\(([^)#]+)\)""")]
    private static partial Regex Link();
}
