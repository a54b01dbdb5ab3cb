using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The walk of docs/add-a-tool.md: the page has the very code that is compiled and run here.</summary>
public sealed class AddAToolPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "docs", "add-a-tool.md"));

    /// <summary>What Program.cs has after the walk.</summary>
    internal static void InProgram(IServiceCollection services)
    {
        services.AddDownstream<Accounting>("Accounting");
        services.AddMcpServer().With<InvoiceTools>();
    }

    [Fact]
    public async Task The_tool_and_its_tests_that_it_shows_are_those_that_run_here()
    {
        Assert.Equal(await FileAsync("InvoiceTools.cs"), Printed("csharp", 0));
        // In the walk it is Program.cs that lists the tool.
        Assert.Equal((await FileAsync("InvoiceToolsTests.cs")).Replace($"{nameof(AddAToolPageTests)}.{nameof(InProgram)},", "null,", StringComparison.Ordinal), Printed("csharp", 1));
    }

    [Fact]
    public void The_settings_that_it_shows_are_what_the_tool_needs()
    {
        using var json = new MemoryStream(System.Text.Encoding.UTF8.GetBytes($"{{ {Printed("json", 0)} }}"));
        var api = new ConfigurationBuilder().AddJsonStream(json).Build().GetSection("Downstream:Apis:Accounting").Get<DownstreamApi>()!;

        Assert.Equal(["https://accounting.example.com/Invoices.Send"], api.Scopes);
        Assert.Equal("https://accounting.example.com", api.Audience);
    }

    [Fact]
    public void The_lines_that_it_changes_are_in_the_files_that_it_names()
    {
        var (program, scopes) = (File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "Program.cs")), File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "Auth", "Scopes.cs")));

        Assert.Contains("    builder.AddData();\n", program, StringComparison.Ordinal);
        Assert.Contains("        .With<PeopleTools>()\n", program, StringComparison.Ordinal);
        Assert.Contains("    public const string PeopleRead = \"people:read\";\n", scopes, StringComparison.Ordinal);
        Assert.Contains("        [PeopleRead] = \"Look people up in the directory\",\n", scopes, StringComparison.Ordinal);
        Assert.All(((string[])["builder.AddData();", ".With<PeopleTools>()", "public const string PeopleRead = \"people:read\";", "[PeopleRead] = \"Look people up in the directory\","]), line =>
            Assert.Contains($"{line}\n", Page, StringComparison.Ordinal));
    }

    private static async Task<string> FileAsync(string name) => (await File.ReadAllTextAsync(Path.Combine(ServerProcess.RepositoryRoot, "tests", "House", name))).ReplaceLineEndings("\n");

    private static string Printed(string language, int number) => Page.Split($"```{language}\n")[number + 1].Split("```")[0];
}
