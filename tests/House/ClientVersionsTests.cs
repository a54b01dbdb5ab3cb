using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The versions that the table of docs/clients.md names are those that the tests run.</summary>
public sealed partial class ClientVersionsTests
{
    private static readonly string Page = Read("docs", "clients.md");

    /// <summary>What a client is called in the table, and the package that it is.</summary>
    private static readonly Dictionary<string, string> Clients = new()
    {
        ["C# SDK"] = "ModelContextProtocol",
        ["TypeScript SDK v2"] = "@modelcontextprotocol/client",
        ["TypeScript SDK v1"] = "@modelcontextprotocol/sdk",
        ["mcp-remote"] = "mcp-remote",
        ["MCP Inspector"] = "@modelcontextprotocol/inspector",
        ["conformance suite"] = "@modelcontextprotocol/conformance",
    };

    private static readonly Dictionary<string, string> Versions = JsonElement.Parse(Read("tests", "clients", "package.json")).GetProperty("dependencies").EnumerateObject()
        .ToDictionary(package => package.Name, package => package.Value.GetString()!)
        .Append(KeyValuePair.Create("ModelContextProtocol", XDocument.Parse(Read("Directory.Packages.props")).Descendants("PackageVersion")
            .Single(package => package.Attribute("Include")!.Value == "ModelContextProtocol").Attribute("Version")!.Value))
        .ToDictionary();

    [Fact]
    public void Each_row_of_the_table_has_the_version_that_is_tested()
    {
        var rows = Row().Matches(Page).Select(row => (Client: row.Groups[1].Value, Version: row.Groups[2].Value)).ToList();

        Assert.All(Clients, client => Assert.Contains(rows, row => row.Client.Contains(client.Key, StringComparison.Ordinal)));
        Assert.All(rows, row => Assert.Equal(Versions[Clients.Single(client => row.Client.Contains(client.Key, StringComparison.Ordinal)).Value], row.Version));
    }

    private static string Read(params string[] path) => File.ReadAllText(Path.Combine([ServerProcess.RepositoryRoot, .. path])).ReplaceLineEndings("\n");

    /// <summary>A row that has a version, which only the table of clients has.</summary>
    [GeneratedRegex(@"^\| ([^|]+) \| (\d[\w.-]*) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
