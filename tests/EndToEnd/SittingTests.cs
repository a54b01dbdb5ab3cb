using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>
/// One sitting of an MCP client with a real source tree, a copy of this repository, mounted as a project. With <c>WRITE_DOCS=1</c> it also writes what was said
/// into docs/a-sitting.md.
/// </summary>
public sealed partial class SittingTests : IDisposable
{
    private readonly string _tree = Directory.CreateTempSubdirectory("mcp-source-").FullName;
    private readonly StringBuilder _transcript = new();

    public SittingTests()
    {
        foreach (var file in Directory.EnumerateFiles(ServerProcess.RepositoryRoot, "*.*").Where(file => Path.GetFileName(file) != ".git").Concat(
            ((string[])["Auth", "Data", "Tools", "Commands", "dev"]).SelectMany(room => Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, room), "*", SearchOption.AllDirectories))))
        {
            var copy = Path.Combine(_tree, Path.GetRelativePath(ServerProcess.RepositoryRoot, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        // A worktree has a file of this name, a clone a directory.
        Directory.CreateDirectory(Path.Combine(_tree, ".git"));
        File.WriteAllText(Path.Combine(_tree, ".git", "config"), "not for an assistant");
    }

    public void Dispose() => Directory.Delete(_tree, recursive: true);

    [Fact]
    public async Task A_mounted_source_tree_is_explored_searched_and_edited_in_one_sitting()
    {
        await using var server = await Server.StartAsync(settings: [("Files:Mounts:0:Slug", "source"), ("Files:Mounts:0:Path", _tree), ("Files:Mounts:0:Owner", Tokens.Alice)]);
        await using var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(server.Resource),
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {await server.Tokens.OfAsync("alice", "projects:read files:read files:write files:delete")}" },
        });
        await using var client = await McpClient.CreateAsync(transport);

        Assert.Contains("\"source\"", await SayAsync(client, "What is there to work on?", "list_projects", new { }), StringComparison.Ordinal);
        var top = await SayAsync(client, "What is in it?", "list_directory", new { project = "source", limit = 50 });
        Assert.Contains("Program.cs", top, StringComparison.Ordinal);
        Assert.DoesNotContain(".git\"", top, StringComparison.Ordinal);
        Assert.Contains("no file or directory", await SayAsync(client, "Version control's insides are not there, whoever asks.", "read_text_file", new { project = "source", path = ".git/config" }), StringComparison.Ordinal);
        Assert.Contains("Data/Roles.cs", await SayAsync(client, "Where are roles?", "search_files", new { project = "source", pattern = "*Role*.cs" }), StringComparison.Ordinal);
        var found = await SayAsync(client, "Who empties the trash?", "search_text", new { project = "source", pattern = @"EmptyTrash\b", glob = "**/*.cs", limit = 10 });
        Assert.Contains("Data/Roles.cs", found, StringComparison.Ordinal);
        Assert.Contains("public const Role EmptyTrash", await SayAsync(client, "Read that place.", "read_text_file", new { project = "source", path = "Data/Roles.cs", start_line = 11, end_line = 27 }), StringComparison.Ordinal);
        object[] edits = [new { old_text = "    public const Role EmptyTrash = Role.Owner;", new_text = "    // What is purged is gone: for owners alone.\n    public const Role EmptyTrash = Role.Owner;" }];
        Assert.Contains("+    // What is purged", await SayAsync(client, "What would this edit do?", "edit_file", new { project = "source", path = "Data/Roles.cs", edits, dry_run = true }), StringComparison.Ordinal);
        Assert.DoesNotContain("What is purged", await File.ReadAllTextAsync(Path.Combine(_tree, "Data", "Roles.cs"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await SayAsync(client, "Do it.", "edit_file", new { project = "source", path = "Data/Roles.cs", edits });
        Assert.Contains("// What is purged is gone: for owners alone.", await File.ReadAllTextAsync(Path.Combine(_tree, "Data", "Roles.cs"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("stands 8 times in the file", await SayAsync(client, "An edit that could mean several places changes none.", "edit_file", new
        {
            project = "source",
            path = "Data/Roles.cs",
            edits = (object[])[new { old_text = "    public const Role", new_text = "x" }],
        }), StringComparison.Ordinal);
        var trash = await SayAsync(client, "The version before is in the trash.", "list_trash", new { project = "source" });
        Assert.Contains("replaced", trash, StringComparison.Ordinal);
        var id = TrashId().Match(trash).Groups[1].Value;
        Assert.Contains("Data/Roles (restored).cs", await SayAsync(client, "Bring it back beside the new one.", "restore_file", new { project = "source", trash_id = id }), StringComparison.Ordinal);
        await SayAsync(client, "And who did what?", "list_activity", new { project = "source" });

        if (Environment.GetEnvironmentVariable("WRITE_DOCS") == "1")
        {
            var docs = Directory.CreateDirectory(Path.Combine(ServerProcess.RepositoryRoot, "docs")).FullName;
            await File.WriteAllTextAsync(Path.Combine(docs, "a-sitting.md"), Head + _transcript, TestContext.Current.CancellationToken);
        }
    }

    private const string Head =
        """
        # A sitting with a source tree

        This repository, mounted as the project `source` (`Files:Mounts:0`), and the official C# client. Written by
        `WRITE_DOCS=1 dotnet test --filter-class McpFilesServer.Tests.EndToEnd.SittingTests`, which fails when a step does not do what it says. Long answers are cut here.


        """;

    /// <summary>Calls a tool, writes down both sides, and returns the answer.</summary>
    private async Task<string> SayAsync(McpClient client, string why, string tool, object arguments)
    {
        var given = JsonSerializer.SerializeToElement(arguments).EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value);
        var result = await client.CallToolAsync(tool, given, cancellationToken: TestContext.Current.CancellationToken);
        var answer = result.StructuredContent is { } structured && result.IsError != true
            ? JsonSerializer.Serialize(structured, Readable) : string.Join("\n", result.Content.OfType<TextContentBlock>().Select(block => block.Text));
        var shown = answer.Split('\n');
        _transcript.Append(CultureInfo.InvariantCulture, $"**{why}** `{tool}`\n\n```json\n{JsonSerializer.Serialize(arguments, Readable)}\n```\n\n```text\n")
            .AppendJoin('\n', shown.Take(24)).Append(shown.Length > 24 ? "\n…" : "").Append("\n```\n\n");
        return answer;
    }

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [GeneratedRegex("\"trash_id\": \"([^\"]+)\"")]
    private static partial Regex TrashId();
}
