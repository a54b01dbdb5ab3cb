using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>A person's drive, through the real server and the stand-in for Graph, which keeps it in a folder of its own.</summary>
public sealed class DriveToolsTests(Server server)
{
    private const string All = "projects:read projects:write files:read files:write drive:read drive:write";

    [Fact]
    public async Task A_folder_is_listed_in_pages_that_together_are_all_of_it()
    {
        var token = await server.Tokens.OfAsync("alice", All);
        var folder = await FolderAsync(token);
        foreach (var name in (string[])["a.txt", "b (50%) #1 & 'more'.txt", "ü 数据.md", "d.txt", "e.txt"])
        {
            File.WriteAllText(OnDrive($"{folder}/{name}"), "12345");
        }

        var (seen, cursor) = (new List<JsonElement>(), (string?)null);
        do
        {
            var page = await server.CallAsync(token, "list_drive", cursor is null ? new { path = folder, limit = 2 } : new { path = folder, limit = 1, cursor });
            Assert.False(page.IsError, page.Text);
            Assert.InRange(page.Structured.GetProperty("entries").GetArrayLength(), 1, 2);
            seen.AddRange(page.Structured.GetProperty("entries").EnumerateArray());
            cursor = page.Structured.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);

        Assert.Equal(
            ((string[])["a.txt", "b (50%) #1 & 'more'.txt", "d.txt", "e.txt", "ü 数据.md"]).Select(name => $"{folder}/{name}"),
            seen.Select(entry => entry.GetProperty("path").GetString()!).Order(StringComparer.Ordinal));
        Assert.All(seen, entry => Assert.Equal(("file", 5), (entry.GetProperty("type").GetString(), entry.GetProperty("size").GetInt64())));
        Assert.All(seen, entry => Assert.NotEmpty(entry.GetProperty("etag").GetString()!));
    }

    [Fact]
    public async Task The_top_of_the_drive_is_the_callers_own_and_marked_as_written_by_others()
    {
        var alice = await server.CallAsync(await server.Tokens.OfAsync("alice", All), "list_drive", new { });
        var bob = await server.CallAsync(await server.Tokens.OfAsync("bob", All), "list_drive", new { });

        Assert.Contains(Entries(alice), entry => entry == "file Alice Archer's notes.txt");
        Assert.Contains(Entries(alice), entry => entry == "directory Documents");
        Assert.Contains(Entries(bob), entry => entry == "file Bob Baker's notes.txt");
        Assert.DoesNotContain(Entries(bob), entry => entry.Contains("Alice", StringComparison.Ordinal));
        Assert.True(alice.Result.GetProperty("_meta").GetProperty("mcp-files-server/untrusted").GetBoolean());
    }

    [Fact]
    public async Task A_cursor_is_for_its_folder_and_its_person()
    {
        var (alice, bob) = (await server.Tokens.OfAsync("alice", All), await server.Tokens.OfAsync("bob", All));
        var cursor = (await server.CallAsync(alice, "list_drive", new { path = "Documents", limit = 1 })).Structured.GetProperty("next_cursor").GetString();

        Assert.Contains("cursor", (await server.CallAsync(bob, "list_drive", new { path = "Documents", limit = 1, cursor })).Failure, StringComparison.Ordinal);
        Assert.Contains("cursor", (await server.CallAsync(alice, "list_drive", new { limit = 1, cursor })).Failure, StringComparison.Ordinal);
        Assert.False((await server.CallAsync(alice, "list_drive", new { path = "Documents/", limit = 1, cursor })).IsError);
    }

    [Fact]
    public async Task Graph_that_asks_to_wait_a_moment_is_asked_once_more()
    {
        var token = await server.Tokens.OfAsync("bob", All);

        Assert.Equal(["file Busy/patience.txt"], Entries(await server.CallAsync(token, "list_drive", new { path = "Busy" })));
    }

    [Fact]
    public async Task A_file_comes_into_a_project_as_it_is_and_the_history_says_so()
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));

        var imported = await server.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = "Documents/budget 2026 (50%).csv", path = "budget.csv" });

        Assert.False(imported.IsError, imported.Text);
        Assert.Equal("budget.csv", imported.Structured.GetProperty("path").GetString());
        Assert.Equal(await File.ReadAllTextAsync(OnDrive("Documents/budget 2026 (50%).csv")), await File.ReadAllTextAsync(mine.On("budget.csv")));
        Assert.Equal(imported.Structured.GetProperty("etag").GetString(), (await mine.DoAsync("get_file_info", new { path = "budget.csv" })).GetProperty("etag").GetString());
        // Where it came from is the person's own business, and members see the history.
        Assert.Contains(("import_from_drive", "budget.csv", ""), mine.History());
        Assert.Empty(mine.OnDisk());
    }

    [Fact]
    public async Task An_import_never_overwrites_and_needs_its_directory()
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        await mine.DoAsync("write_file", new { path = "a.txt", content = "mine" });

        Assert.Equal("There is already a file or directory at 'a.txt'.", await RefusedAsync(mine, token, "Documents/travel.md", "a.txt"));
        Assert.Equal("There is no directory at 'no' to put it in.", await RefusedAsync(mine, token, "Documents/travel.md", "no/a.txt"));
        Assert.Equal("mine", await File.ReadAllTextAsync(mine.On("a.txt")));
        Assert.Empty(mine.OnDisk());
    }

    [Fact]
    public async Task What_is_not_a_file_in_the_drive_cannot_be_imported()
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));

        Assert.Equal("There is no file or folder 'nothing.txt' in your OneDrive.", await RefusedAsync(mine, token, "nothing.txt", "a.txt"));
        Assert.Equal("The file or folder 'Documents' in your OneDrive is no file.", await RefusedAsync(mine, token, "Documents", "a.txt"));
        Assert.Equal("There is no file or folder 'Bob Baker's notes.txt' in your OneDrive.", await RefusedAsync(mine, token, "Bob Baker's notes.txt", "a.txt"));
        Assert.False(File.Exists(mine.On("a.txt")));
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("a/../../b")]
    [InlineData("a/./b")]
    [InlineData("/a")]
    [InlineData("a//b")]
    [InlineData("a:/content")]
    [InlineData("a:/children?x=")]
    [InlineData("a\\b")]
    [InlineData("what?")]
    [InlineData("a|b")]
    [InlineData("<a>")]
    [InlineData("\"a\"")]
    [InlineData("*")]
    [InlineData("a\nb")]
    [InlineData("a\u0000")]
    [InlineData("a\u202eb")]
    [InlineData("a\u200bb")]
    [InlineData(" a")]
    [InlineData("a ")]
    [InlineData("a.")]
    [InlineData("a/...")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("https://graph.microsoft.com/v1.0/users")]
    public async Task A_path_that_OneDrive_could_not_have_is_refused_and_says_why(string path)
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));

        Assert.Contains("OneDrive", (await server.CallAsync(token, "list_drive", new { path })).Failure.Replace("A path has no", "OneDrive", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.True((await server.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = path, path = "x.txt" })).IsError);
        await mine.DoAsync("write_file", new { path = "y.txt", content = "y" });
        Assert.True((await server.SendAsync(token, Rounds.First(new { project = mine.Slug, drive_path = path, path = "y.txt" }, "export_to_drive"))).IsError);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(1024 * 1024)]
    [InlineData((1024 * 1024) + 1)]
    [InlineData(10 * 320 * 1024)]
    [InlineData((20 * 320 * 1024) + 7)]
    public async Task After_a_yes_a_file_of_any_size_is_in_the_drive_byte_for_byte(int size)
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        var (content, folder) = (RandomNumberGenerator.GetBytes(size), await FolderAsync(token));
        await File.WriteAllBytesAsync(mine.On("plan.bin"), content);

        var exported = await server.ConfirmAsync(token, "export_to_drive", new { project = mine.Slug, path = "plan.bin", drive_path = $"{folder}/new/plan (50%) #1.bin" });

        Assert.False(exported.IsError, exported.Text);
        Assert.Equal(($"{folder}/new/plan (50%) #1.bin", size), (exported.Structured.GetProperty("path").GetString(), exported.Structured.GetProperty("size").GetInt32()));
        Assert.Equal(content, await File.ReadAllBytesAsync(OnDrive($"{folder}/new/plan (50%) #1.bin")));
        Assert.Equal(content, await File.ReadAllBytesAsync(mine.On("plan.bin")));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(2 * 1024 * 1024)]
    public async Task An_export_never_overwrites_whatever_the_case_of_the_name(int size)
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        var folder = await FolderAsync(token);
        await File.WriteAllBytesAsync(mine.On("a.bin"), new byte[size]);
        File.WriteAllText(OnDrive($"{folder}/There.bin"), "before");

        var refused = await server.ConfirmAsync(token, "export_to_drive", new { project = mine.Slug, path = "a.bin", drive_path = $"{folder}/there.BIN" });

        Assert.Equal($"There is already a file or folder '{folder}/there.BIN' in your OneDrive.", refused.Failure);
        Assert.Equal("before", File.ReadAllText(OnDrive($"{folder}/There.bin")));
    }

    [Fact]
    public async Task The_person_is_asked_what_goes_where_and_after_a_no_nothing_has_gone()
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        await mine.DoAsync("create_directory", new { path = "notes" });
        await mine.DoAsync("write_file", new { path = "notes/a.txt", content = "12345" });
        var workspace = (await mine.DoAsync("open_workspace", new { path = "notes" })).GetProperty("workspace").GetString();
        var arguments = new { workspace, path = "a.txt", drive_path = $"{await FolderAsync(token)}/a.txt" };

        var asked = await server.SendAsync(token, Rounds.First(arguments, "export_to_drive"));

        Assert.Equal($"Copy the file “notes/a.txt” (5 bytes) of the project “Mine” to your OneDrive, as “{arguments.drive_path}”. It leaves this server.", asked.Sentence());
        var refused = await server.SendAsync(token, Rounds.Second(asked.State(), """{"confirmation":{"action":"decline"}}""", arguments, "export_to_drive"));
        Assert.Equal("The user was asked and said no. Nothing was done.", refused.Failure);
        Assert.False(File.Exists(OnDrive(arguments.drive_path)));
    }

    [Fact]
    public async Task A_yes_is_for_the_version_that_was_asked_about()
    {
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        await mine.DoAsync("write_file", new { path = "a.txt", content = "12345" });
        var arguments = new { project = mine.Slug, path = "a.txt", drive_path = $"{await FolderAsync(token)}/a.txt" };
        var state = await server.AskAsync(token, arguments, "export_to_drive");
        await mine.DoAsync("append_file", new { path = "a.txt", content = " and a secret" });

        var refused = await server.SendAsync(token, Rounds.Second(state, arguments: arguments, tool: "export_to_drive"));

        Assert.Contains("has changed since", refused.Failure, StringComparison.Ordinal);
        Assert.False(File.Exists(OnDrive(arguments.drive_path)));
    }

    [Fact]
    public async Task Each_tool_names_the_scopes_that_it_takes_and_a_role_that_is_too_low_is_told()
    {
        var bob = await server.Tokens.OfAsync("bob", "files:read");
        var reader = await server.Tokens.OfAsync("bob", All);

        Assert.Contains("scope=\"drive:read\"", (await server.CallAsync(bob, "list_drive", new { })).Challenge, StringComparison.Ordinal);
        Assert.Contains("scope=\"drive:read files:write\"", (await server.CallAsync(bob, "import_from_drive", new { })).Challenge, StringComparison.Ordinal);
        Assert.Contains("scope=\"files:read drive:write\"", (await server.CallAsync(bob, "export_to_drive", new { })).Challenge, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.CallAsync(bob, "export_to_drive", new { })).Status);
        Assert.Equal(
            "This takes the role editor in 'welcome'; yours is reader.",
            (await server.CallAsync(reader, "import_from_drive", new { project = "welcome", drive_path = "Documents/travel.md", path = "x.md" })).Failure);
    }

    [Fact]
    public async Task An_import_over_the_quota_or_over_the_size_of_a_file_leaves_nothing()
    {
        await using var own = await Server.StartAsync(settings: [("Files:Quota:Bytes", "3000"), ("Files:MaxFileBytes", "2000000"), ("Files:MaxTextBytes", "1024"), ("Files:MaxMediaBytes", "1024")]);
        var (token, mine) = (await own.Tokens.OfAsync("alice", All), await Mine.OfAsync(own));
        await own.CallAsync(token, "list_drive", new { });
        foreach (var (name, size) in ((string, int)[])[("much.bin", 3001), ("huge.bin", 2_000_001)])
        {
            await File.WriteAllBytesAsync(Path.Combine(own.Storage, "dev", "drives", Tokens.Alice, name), new byte[size]);
        }

        var much = await own.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = "much.bin", path = "a.bin" });
        var huge = await own.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = "huge.bin", path = "a.bin" });

        Assert.Equal("This project may hold 3000 bytes, its trash included, and there is no room for this.", much.Failure);
        Assert.Equal("The file would have 2000001 bytes, and this is done with at most 2000000.", huge.Failure);
        Assert.Empty(Directory.EnumerateFiles(mine.Root, "*", SearchOption.AllDirectories));
        Assert.False((await own.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = "Documents/travel.md", path = "a.md" })).IsError);
    }

    private static IEnumerable<string> Entries(Answer answer) =>
        answer.Structured.GetProperty("entries").EnumerateArray().Select(entry => $"{entry.GetProperty("type").GetString()} {entry.GetProperty("path").GetString()}");

    private async Task<string> RefusedAsync(Mine mine, string token, string drivePath, string path) =>
        (await server.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = drivePath, path })).Failure;

    private string OnDrive(string path) => Path.Combine(server.Storage, "dev", "drives", Tokens.Alice, path);

    /// <summary>A folder of a test's own in alice's drive.</summary>
    private async Task<string> FolderAsync(string token)
    {
        // The first call furnishes the drive.
        Assert.False((await server.CallAsync(token, "list_drive", new { })).IsError);
        var name = $"test-{Guid.NewGuid():n}";
        Directory.CreateDirectory(OnDrive(name));
        return name;
    }
}
