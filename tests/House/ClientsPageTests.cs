using System.Buffers.Binary;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Front;
using McpFilesServer.Tests.EndToEnd;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What people are told to type is the same everywhere, and is what the tests use; what they are shown is there.</summary>
public sealed partial class ClientsPageTests
{
    private const string Resource = "http://localhost:5080/mcp";

    private static readonly string Root = ServerProcess.RepositoryRoot;

    [Fact]
    public void The_document_on_clients_has_every_line_of_the_front_page()
    {
        var document = LineEnd().Replace(File.ReadAllText(Path.Combine(Root, "docs", "clients.md")), " ");

        Assert.All(Connections.To(Resource), connection => Assert.Contains(connection.Line, document, StringComparison.Ordinal));
        Assert.All(Connections.To("https://files.example.com/mcp"), connection => Assert.Contains($"**{connection.Client}", document, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Every_client_that_npm_brings_is_named_in_the_version_that_the_tests_use()
    {
        using var package = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "tests", "clients", "package.json")));
        var used = package.RootElement.GetProperty("dependencies");
        var named = Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md").Append(Path.Combine(Root, "README.md")).Select(File.ReadAllText)
            .Concat(Connections.To(Resource).Select(connection => connection.Line)).SelectMany(text => Package().Matches(text)).ToList();

        Assert.True(named.Count > 5, $"{named.Count}");
        Assert.All(named, match => Assert.Equal(used.GetProperty(match.Groups[1].Value).GetString(), match.Groups[2].Value));
    }

    [Fact]
    public void Every_page_has_its_pictures_and_they_are_small()
    {
        var pictures = LookedAtTests.Pages.SelectMany(page => Visitor.Sizes.Select(size => (File: $"{page}-{size.Name}.png", size.Width)));

        Assert.Equal(pictures.Select(picture => picture.File).Order(StringComparer.Ordinal), Directory.EnumerateFiles(Visitor.Pictures).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(pictures, picture =>
        {
            var bytes = File.ReadAllBytes(Path.Combine(Visitor.Pictures, picture.File));
            // The width stands first in the first chunk (PNG §11.2.1).
            Assert.Equal(picture.Width, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(16)));
            Assert.InRange(bytes.Length, 1, 150_000);
        });
    }

    [GeneratedRegex(@"\s*\\\n\s*")]
    private static partial Regex LineEnd();

    [GeneratedRegex(@"(mcp-remote|@modelcontextprotocol/inspector)@([\w.-]*\w)")]
    private static partial Regex Package();
}
