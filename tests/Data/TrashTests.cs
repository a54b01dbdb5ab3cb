using System.Diagnostics;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>What is kept, for how long, and what becomes of a change that was cut off.</summary>
public sealed class TrashTests
{
    [Fact]
    public async Task Old_versions_beyond_the_number_and_things_beyond_the_days_go_for_good_and_nothing_else()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Files:Trash:Versions", "2"), ("Files:Trash:Days", "10"));
        var mine = await Mine.OfAsync(server);
        var trash = server.Services.GetRequiredService<Trash>();
        foreach (var path in (string[])["a.txt", "b.txt"])
        {
            var etag = Etag(await mine.DoAsync("write_file", new { path, content = "0" }));
            for (var i = 1; i <= (path == "a.txt" ? 4 : 1); i++)
            {
                clock.Advance(TimeSpan.FromMilliseconds(5));
                etag = Etag(await mine.DoAsync("write_file", new { path, content = $"{i}", if_match = etag }));
            }
        }

        await mine.DoAsync("create_directory", new { path = "d/e" });
        await mine.DoAsync("delete_file", new { path = "d" });
        Assert.Equal(2, await trash.ExpireAsync(100, CancellationToken.None));
        Assert.Equal(["3", "2"], (await KeptAsync(mine)).Where(entry => entry.Path == "a.txt").Select(entry => File.ReadAllText(mine.On($".mcp-trash/{entry.Id}"))));
        Assert.Equal(4, mine.OnDisk().Count());
        Assert.Equal(0, await trash.ExpireAsync(100, CancellationToken.None));

        clock.Advance(TimeSpan.FromDays(11));
        Assert.Equal(3, await trash.ExpireAsync(3, CancellationToken.None));
        Assert.Equal(1, await trash.ExpireAsync(3, CancellationToken.None));
        Assert.Empty(mine.OnDisk());
        Assert.Empty(mine.TrashRows());
        Assert.Equal(["a.txt", "b.txt"], Directory.GetFiles(mine.Root).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task The_list_comes_in_pages_that_miss_nothing_and_give_nothing_twice()
    {
        await using var server = await Server.StartAsync();
        var mine = await Mine.OfAsync(server);
        foreach (var name in (string[])["a", "b", "c", "d", "e"])
        {
            // Some within the same millisecond.
            await mine.DoAsync("write_file", new { path = name, content = name });
            await mine.DoAsync("delete_file", new { path = name });
        }

        var (listed, cursor, pages) = (new List<string>(), (string?)null, 0);
        do
        {
            var page = await mine.DoAsync("list_trash", cursor is null ? new { limit = 2 } : new { limit = 2, cursor });
            listed.AddRange(page.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("path").GetString()!));
            cursor = page.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null && ++pages < 5);

        Assert.Equal((await KeptAsync(mine)).Select(entry => entry.Path), listed);
        Assert.Equal(["a", "b", "c", "d", "e"], listed.Order());
    }

    [Fact]
    public async Task What_is_purged_is_gone_with_everything_in_it_and_makes_room()
    {
        await using var server = await Server.StartAsync(null, ("Files:Quota:Files", "5"));
        var mine = await Mine.OfAsync(server);
        var trash = server.Services.GetRequiredService<Trash>();
        var alice = new Caller(
            server.Provider.AbsoluteUri, Tokens.Alice, "alice", "test", "token", new HashSet<string>(), IsApplication: false, Session: null, default, DateTimeOffset.MaxValue);
        var place = await server.Services.GetRequiredService<Places>().OpenAsync(alice, mine.Slug, null, McpFilesServer.Data.Role.Owner, CancellationToken.None);
        await mine.DoAsync("create_directory", new { path = "d/e/f" });
        Directory.CreateSymbolicLink(mine.On("d/link"), "/etc");
        await File.WriteAllTextAsync(mine.On("d/e/a.txt"), "a");
        await mine.DoAsync("delete_file", new { path = "d" });
        Assert.StartsWith("This project may hold 5 files", await mine.RefusedAsync("create_directory", new { path = "x/y/z" }), StringComparison.Ordinal);

        await Assert.ThrowsAsync<ProblemException>(() => trash.PurgeAsync(alice, place, new string('0', 32), CancellationToken.None));
        Assert.Equal(1, await trash.PurgeAsync(alice, place, null, CancellationToken.None));

        Assert.Empty(mine.OnDisk());
        Assert.Empty(mine.TrashRows());
        Assert.True(File.Exists("/etc/passwd") || OperatingSystem.IsWindows());
        await mine.DoAsync("create_directory", new { path = "x/y/z/1/2" });
    }

    [Fact]
    public async Task Before_a_refusal_the_disk_is_counted_again_once_a_minute()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Files:Quota:Files", "2"));
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("write_file", new { path = "a", content = "" });
        await mine.DoAsync("write_file", new { path = "b", content = "" });
        await mine.RefusedAsync("write_file", new { path = "c", content = "" });
        File.Delete(mine.On("a"));

        await mine.RefusedAsync("write_file", new { path = "c", content = "" });
        clock.Advance(TimeSpan.FromSeconds(61));
        await mine.DoAsync("write_file", new { path = "c", content = "" });
        Assert.EndsWith("there is no room for more.", await mine.RefusedAsync("write_file", new { path = "d", content = "" }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wherever_a_change_was_cut_off_the_next_start_brings_it_to_an_end()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-repair-");
        (string, string)[] settings = [("Storage:Directory", storage.FullName)];
        string slug;
        var ids = Enumerable.Range(0, 6).Select(i => new string((char)('a' + i), 32)).ToArray();
        await using (var server = await Server.StartAsync(null, settings))
        {
            var mine = await Mine.OfAsync(server);
            slug = mine.Slug;
            await mine.DoAsync("write_file", new { path = "a.txt", content = "current" });
            var kept = (await mine.DoAsync("delete_file", new { path = "a.txt" })).GetProperty("trash_id").GetString()!;

            // Before the exchange: the new content is a temporary, or has the trash id already. After it: the old version has. Then a deletion before and after
            // its rename, and a purge that came half way; a stray temporary, and a file that nobody announced.
            Row(mine, ids[0], "replaced", "arriving", Put(mine, $"tmp-{ids[0]}", "new"));
            Row(mine, ids[1], "replaced", "arriving", Put(mine, ids[1], "new"));
            Put(mine, ids[2], "old");
            Row(mine, ids[2], "replaced", "arriving", "1");
            Row(mine, ids[3], "deleted", "arriving", "null");
            Put(mine, ids[4], "old");
            Row(mine, ids[4], "deleted", "arriving", "null");
            Directory.CreateDirectory(mine.On($".mcp-trash/{ids[5]}/left"));
            Row(mine, ids[5], "deleted", "purging", "null");
            Put(mine, "tmp-stray", "x");
            Put(mine, new string('9', 32), "unknown");
            mine.Execute($"update trash set state = 'restoring' where id = '{kept}'");
            ids = [.. ids, kept];
        }

        await using (var server = await Server.StartAsync(null, settings))
        {
            var mine = await Mine.OfAsync(server, slug);
            mine.Execute($"update member set issuer = '{server.Provider}' where subject = '{Tokens.Alice}'");

            string[] left = [ids[2], ids[4], ids[6]];
            Assert.Equal(left.Order(), mine.TrashRows().Select(row => row.Id).Order());
            Assert.All(mine.TrashRows(), row => Assert.Equal("kept", row.State));
            Assert.Equal(left.Append(new string('9', 32)).Order(), mine.OnDisk().Order());
            Assert.Equal("old", (await mine.DoAsync("restore_file", new { trash_id = ids[2] })).GetProperty("path").GetString());
            Assert.Equal("old (restored)", (await mine.DoAsync("restore_file", new { trash_id = ids[4] })).GetProperty("path").GetString());
        }

        storage.Delete(recursive: true);
    }

    [Fact]
    public async Task When_the_change_was_made_and_cannot_be_recorded_the_caller_hears_it_and_the_next_start_knows_it()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-repair-");
        (string, string)[] settings = [("Storage:Directory", storage.FullName)];
        string slug;
        await using (var server = await Server.StartAsync(null, settings))
        {
            var mine = await Mine.OfAsync(server);
            slug = mine.Slug;
            var etag = Etag(await mine.DoAsync("write_file", new { path = "a.txt", content = "one" }));
            mine.Execute("create trigger broken before insert on activity begin select raise(abort, 'broken'); end");

            const string said = "The change was made, but the server could not record it. Tell its operator.";
            Assert.Equal(said, await mine.RefusedAsync("write_file", new { path = "a.txt", content = "two", if_match = etag }));
            Assert.Equal(said, await mine.RefusedAsync("write_file", new { path = "b.txt", content = "b" }));
            Assert.Equal("arriving", Assert.Single(mine.TrashRows()).State);
            mine.Execute("drop trigger broken");
            mine.Execute("create trigger broken before insert on trash begin select raise(abort, 'broken'); end");
            await mine.RefusedAsync("delete_file", new { path = "b.txt" });
            Assert.Equal(("two", "b"), (await mine.ReadAsync("a.txt"), await mine.ReadAsync("b.txt")));
            mine.Execute("drop trigger broken");
        }

        await using (var server = await Server.StartAsync(null, settings))
        {
            var mine = await Mine.OfAsync(server, slug);
            mine.Execute($"update member set issuer = '{server.Provider}' where subject = '{Tokens.Alice}'");
            var restored = await mine.DoAsync("restore_file", new { trash_id = Assert.Single(await KeptAsync(mine)).Id });
            Assert.Equal("one", await mine.ReadAsync(restored.GetProperty("path").GetString()!));
        }

        storage.Delete(recursive: true);
    }

    [Fact]
    public async Task What_another_program_writes_while_it_is_appended_to_is_in_the_file_or_in_the_trash()
    {
        await using var server = await Server.StartAsync();
        var mine = await Mine.OfAsync(server);
        await File.WriteAllTextAsync(mine.On("log.txt"), "");
        using var stop = new CancellationTokenSource();
        var others = Task.Run(async () =>
        {
            var written = 0;
            for (; !stop.IsCancellationRequested; written++)
            {
                await File.AppendAllTextAsync(mine.On("log.txt"), $"other {written}\n");
                await Task.Delay(5);
            }

            return written;
        });

        var ours = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            if (!(await mine.CallAsync("append_file", new { path = "log.txt", content = $"ours {i}\n" })).IsError)
            {
                ours.Add($"ours {i}");
            }
        }

        await stop.CancelAsync();
        var lines = (IEnumerable<string>)[.. Enumerable.Range(0, await others).Select(i => $"other {i}"), .. ours];
        var kept = mine.OnDisk().Select(id => mine.On($".mcp-trash/{id}")).Append(mine.On("log.txt")).SelectMany(File.ReadAllLines).ToHashSet();
        Assert.NotEmpty(ours);
        Assert.Empty(lines.Except(kept));
    }

    [Fact]
    public void A_large_file_is_copied_block_by_block()
    {
        using var scratch = new Scratch();
        using (var large = new FileStream(scratch.On("large"), FileMode.CreateNew))
        {
            large.SetLength(100 * 1024 * 1024);
        }

        using var from = scratch.Folder.OpenRead(ProjectPath.Parse("large"));
        using var staged = scratch.Folder.Stage(ProjectPath.Parse("copy"));
        var before = GC.GetAllocatedBytesForCurrentThread();
        ProjectFolder.CopyContent(from, staged, ProjectPath.Parse("copy"), CancellationToken.None);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
        Assert.Equal(100 * 1024 * 1024, staged.Length);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => ProjectFolder.CopyContent(from, staged, ProjectPath.Parse("copy"), cancelled.Token));
    }

    [Fact]
    public void On_a_disk_that_is_full_or_can_only_be_read_nothing_changes_and_nothing_is_left()
    {
        using var scratch = new Scratch();
        Mounted(scratch.Root, "size=1m,mode=755", () =>
        {
            scratch.Put("d/a.txt", "a");
            var etag = scratch.Describe("d/a.txt").Etag!;
            var large = new byte[2 * 1024 * 1024];
            Assert.Equal("The disk is full.", scratch.Refusal(() => scratch.Folder.Create(ProjectPath.Parse("b.txt"), large)));
            Assert.True(scratch.Shown().SequenceEqual(["d", "d/a.txt"]) && scratch.Everything().Count() == 2);
            using (var staged = scratch.Folder.Stage(ProjectPath.Parse("d/a.txt")))
            {
                Assert.Equal(DiskFault.Full, staged.Append(large));
            }

            Assert.Equal(("a", 2), (scratch.Read("d/a.txt"), scratch.Everything().Count()));
            Run("mount", "-o", "remount,ro", scratch.Root);
            foreach (var action in (Action[])
                [() => scratch.Create("b", "b"), () => scratch.Replace("d/a.txt", "b", etag), () => scratch.Folder.MakeDirectories(ProjectPath.Parse("x")), () => scratch.Folder.Move(ProjectPath.Parse("d"), ProjectPath.Parse("x"))])
            {
                Assert.Equal("This project can only be read.", scratch.Refusal(action));
            }
        });
    }

    [Theory]
    [Trait("Attack", "F19")]
    [InlineData(false)]
    [InlineData(true)]
    public void A_directory_with_something_mounted_in_it_is_neither_moved_nor_deleted(bool walk)
    {
        using var scratch = new Scratch(walk);
        Directory.CreateDirectory(scratch.On("a/b/c"));
        Mounted(scratch.On("a/b/c"), "size=1m", () =>
        {
            File.WriteAllText(scratch.On("a/b/c/foreign.txt"), "foreign");
            Assert.Equal("Another file system is mounted in 'a', so it can be neither moved nor deleted.", scratch.Refusal(() => scratch.Folder.Measure(ProjectPath.Parse("a"))));
            Assert.Equal("Another file system is mounted in 'a', so it can be neither moved nor deleted.", scratch.Refusal(() => scratch.Folder.Move(ProjectPath.Parse("a"), ProjectPath.Parse("z"))));
            Assert.Equal("There is no file or directory at 'a/b/c'.", scratch.Refusal(() => scratch.Folder.Measure(ProjectPath.Parse("a/b/c"))));
            scratch.Refusal(() => scratch.Create("a/b/c/x", "x"));
            scratch.Refusal(() => scratch.Folder.MakeDirectories(ProjectPath.Parse("a/b/c/d")));

            // Even when it came into the trash in another way, a purge stops there.
            Directory.CreateDirectory(scratch.On(".mcp-trash"));
            Directory.Move(scratch.On("a"), scratch.On(".mcp-trash/0"));
            Assert.False(scratch.Folder.Purge("0"));
            Assert.Equal("foreign", File.ReadAllText(scratch.On(".mcp-trash/0/b/c/foreign.txt")));
            Directory.Move(scratch.On(".mcp-trash/0"), scratch.On("a"));
        });
    }

    [Fact]
    public async Task On_a_mount_what_it_does_not_show_is_not_moved_with_what_it_does_and_its_trash_is_in_it()
    {
        var folder = Directory.CreateTempSubdirectory("mcp-mount-").FullName;
        foreach (var path in (string[])["app/src/main.c", "app/.env", "deep/storage/x", "free/a.txt"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            await File.WriteAllTextAsync(Path.Combine(folder, path), "x");
        }

        (string, string)[] settings =
            [("Files:Mounts:0:Slug", "source"), ("Files:Mounts:0:Path", folder), ("Files:Mounts:0:Owner", Tokens.Alice), ("Storage:Directory", Path.Combine(folder, "deep", "storage")), ("Files:Quota:Files", "3")];
        await using (var server = await Server.StartAsync(null, settings))
        {
            var mine = await Mine.OfAsync(server, "source");
            foreach (var (tool, arguments, path) in (IEnumerable<(string, object, string)>)
                [("delete_file", new { path = "app" }, "app"), ("move_file", new { source = "app", destination = "z" }, "app"), ("delete_file", new { path = "deep" }, "deep"), ("move_file", new { source = "deep", destination = "z" }, "deep")])
            {
                Assert.Equal($"'{path}' holds something that this project does not show, so it can be neither moved nor deleted as a whole.", await mine.RefusedAsync(tool, arguments));
            }

            await mine.DoAsync("delete_file", new { path = "free" });
            await mine.DoAsync("delete_file", new { path = "app/src/main.c" });
            Assert.Equal(2, Directory.EnumerateFileSystemEntries(Path.Combine(folder, ".mcp-trash")).Count(path => Path.GetFileName(path) != ".gitignore"));
            Assert.Equal("*\n", await File.ReadAllTextAsync(Path.Combine(folder, ".mcp-trash", ".gitignore")));

            // What was there before does not count, what this server adds does.
            await mine.DoAsync("create_directory", new { path = "n/e/w" });
            Assert.StartsWith("This project may hold 3 files", await mine.RefusedAsync("write_file", new { path = "n/x", content = "x" }), StringComparison.Ordinal);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static string Etag(System.Text.Json.JsonElement file) => file.GetProperty("etag").GetString()!;

    private static async Task<IReadOnlyList<(string Id, string Path)>> KeptAsync(Mine mine) =>
        [.. (await mine.DoAsync("list_trash", new { })).GetProperty("entries").EnumerateArray().Select(entry => (entry.GetProperty("trash_id").GetString()!, entry.GetProperty("path").GetString()!))];

    /// <summary>A file in the trash folder; the answer is its number on the disk.</summary>
    private static string Put(Mine mine, string name, string content)
    {
        File.WriteAllText(mine.On($".mcp-trash/{name}"), content);
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%i", mine.On($".mcp-trash/{name}")]) { RedirectStandardOutput = true })!;
        return stat.StandardOutput.ReadToEnd().Trim();
    }

    private static void Row(Mine mine, string id, string kind, string state, string staged) => mine.Execute(
        $"insert into trash select '{id}', id, 'old', '{kind}', 'file', 3, 1, null, {staged}, '{state}', 'i', 's', 'n', '2026-01-01T00:00:00.000Z' from project where slug = '{mine.Slug}'");

    /// <summary>Does something while a small file system is mounted; skips where it may not be.</summary>
    private static void Mounted(string path, string options, Action action)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path), "Only root can mount a file system.");
        try
        {
            action();
        }
        finally
        {
            Run("umount", "-l", path);
        }
    }

    private static bool Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
