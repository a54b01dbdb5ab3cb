using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>Folders that exist already, served as projects.</summary>
public sealed class MountTests : IDisposable
{
    private const string Alice = "7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01";
    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-mount-").FullName;

    public MountTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, ".git"));
        Directory.CreateDirectory(Path.Combine(_folder, "src", ".Git"));
        File.WriteAllText(Path.Combine(_folder, ".git", "config"), "SECRET");
        File.WriteAllText(Path.Combine(_folder, "src", ".Git", "config"), "SECRET");
        File.WriteAllText(Path.Combine(_folder, ".env"), "SECRET");
        File.WriteAllText(Path.Combine(_folder, "src", "tls.PEM"), "SECRET");
        File.WriteAllText(Path.Combine(_folder, "src", "main.c"), "int main() {}\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_mounted_folder_is_a_project_of_its_owner_and_of_nobody_else()
    {
        await using var server = await Server.StartAsync(settings: Mount());
        var (alice, bob) = (await server.Tokens.OfAsync("alice", "files:read files:write projects:read"), await server.Tokens.OfAsync("bob", "files:read projects:read"));

        Assert.Equal("int main() {}\n", (await server.CallAsync(alice, "read_text_file", new { project = "source", path = "src/main.c" })).Content);
        await server.CallAsync(alice, "write_file", new { project = "source", path = "src/new.c", content = "x" });
        Assert.Equal("x", await File.ReadAllTextAsync(Path.Combine(_folder, "src", "new.c"), TestContext.Current.CancellationToken));
        Assert.Equal("You have no project 'source'. list_projects shows the ones you have.", (await server.CallAsync(bob, "list_directory", new { project = "source" })).Failure);
    }

    [Theory]
    [InlineData(".git/config")]
    [InlineData(".GIT/config")]
    [InlineData("src/.Git/config")]
    [InlineData(".env")]
    [InlineData(".ENV")]
    [InlineData("src/tls.PEM")]
    [InlineData("src/tls.pem")]
    public async Task What_is_ignored_does_not_exist_and_cannot_be_made(string path)
    {
        await using var server = await Server.StartAsync(settings: Mount());
        var alice = await server.Tokens.OfAsync("alice", "files:read files:write");

        var hidden = await server.CallAsync(alice, "read_text_file", new { project = "source", path });
        var absent = await server.CallAsync(alice, "read_text_file", new { project = "source", path = "x" + path[1..] });

        Assert.StartsWith("There is no file or directory at", hidden.Failure, StringComparison.Ordinal);
        Assert.Equal(hidden.Failure!.Length, absent.Failure!.Length);
        Assert.True((await server.CallAsync(alice, "write_file", new { project = "source", path, content = "x" })).IsError);
        Assert.DoesNotContain("SECRET", string.Concat(hidden.Text, absent.Text), StringComparison.Ordinal);
        foreach (var directory in (string[])["", "src"])
        {
            var listed = (await server.CallAsync(alice, "list_directory", new { project = "source", path = directory })).Text;
            Assert.DoesNotContain(Path.GetFileName(path), listed, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task The_servers_own_storage_is_not_seen_through_a_mount_even_by_another_name()
    {
        var storage = Path.Combine(_folder, "deep", "data");
        Directory.CreateDirectory(storage);
        var link = _folder + "-link";
        Directory.CreateSymbolicLink(link, _folder);
        try
        {
            await using var server = await Server.StartAsync(settings: [.. Mount(), ("Storage:Directory", Path.Combine(link, "deep", "data"))]);
            var alice = await server.Tokens.OfAsync("alice", "files:read");

            Assert.True(File.Exists(Path.Combine(storage, "server.db")));
            Assert.Contains("\"entries\":[]", (await server.CallAsync(alice, "list_directory", new { project = "source", path = "deep" })).Text, StringComparison.Ordinal);
            foreach (var path in (string[])["deep/data", "deep/data/keys", "DEEP/Data", "deep/data/projects/welcome"])
            {
                Assert.True((await server.CallAsync(alice, "list_directory", new { project = "source", path })).IsError);
            }

            Assert.True((await server.CallAsync(alice, "read_text_file", new { project = "source", path = "deep/data/server.db" })).IsError);
        }
        finally
        {
            Directory.Delete(link);
        }
    }

    [Theory]
    [InlineData("Files__Mounts__0__Path", "{0}/projects/somebody", "no project may show")]
    [InlineData("Files__Mounts__0__Path", "{0}/projects", "no project may show")]
    [InlineData("Files__Mounts__0__Path", "{0}/nowhere", "Files:Mounts:0:Path")]
    [InlineData("Files__Mounts__0__Slug", "Some Thing", "Files:Mounts:0:Slug")]
    [InlineData("Files__Mounts__0__Slug", "../x", "Files:Mounts:0:Slug")]
    [InlineData("Files__Mounts__0__Owner", "", "Files:Mounts:0:Owner")]
    public async Task A_mount_that_cannot_be_one_stops_the_start_and_the_check_says_why(string key, string value, string said)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "projects", "somebody"));
        value = string.Format(System.Globalization.CultureInfo.InvariantCulture, value, _folder);
        var settings = Mount().ToDictionary(setting => setting.Key.Replace(":", "__", StringComparison.Ordinal), setting => setting.Value);
        settings["Files__Root"] = Path.Combine(_folder, "projects");
        settings[key] = value;

        var (exitCode, output, _) = await ServerProcess.RunAsync(["check"], [.. settings.Select(setting => (setting.Key, setting.Value))]);

        Assert.Equal(1, exitCode);
        Assert.Contains(said, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_only_mount_stays_as_it_is()
    {
        await using var server = await Server.StartAsync(settings: [.. Mount(), ("Files:Mounts:0:ReadOnly", "true")]);
        var alice = await server.Tokens.OfAsync("alice", "files:read files:write");

        Assert.Equal("This project can only be read.", (await server.CallAsync(alice, "write_file", new { project = "source", path = "b.txt", content = "x" })).Failure);
        Assert.False(File.Exists(Path.Combine(_folder, "b.txt")));
    }

    [Fact]
    public async Task A_mount_that_is_no_longer_named_is_not_there_and_comes_back_with_its_name()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-storage-");
        foreach (var (settings, seen) in (IEnumerable<((string, string)[], bool)>)[(Mount(), true), ([], false), (Mount(), true)])
        {
            await using var server = await Server.StartAsync(settings: [.. settings, ("Storage:Directory", Path.Combine(storage.CreateSubdirectory("data").FullName))]);

            var listed = (await server.CallAsync(await server.Tokens.OfAsync("alice", "projects:read"), "list_projects", new { })).Text;

            Assert.Equal(seen, listed.Contains("source", StringComparison.Ordinal));
        }

        storage.Delete(recursive: true);
    }

    private (string Key, string Value)[] Mount(string? path = null, string owner = Alice) =>
    [
        ("Files:Mounts:0:Slug", "source"), ("Files:Mounts:0:Path", path ?? _folder), ("Files:Mounts:0:Owner", owner),
    ];
}
