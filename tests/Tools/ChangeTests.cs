using System.Text;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>What changes files, as an assistant calls it.</summary>
public sealed class ChangeTests(Server server)
{
    [Fact]
    public async Task A_directory_is_made_with_the_ones_around_it_and_once_more_is_no_error()
    {
        var mine = await Mine.OfAsync(server);

        var made = await mine.DoAsync("create_directory", new { path = "a/b/c" });
        await mine.DoAsync("create_directory", new { path = "a/b/c/" });
        await mine.DoAsync("write_file", new { path = "a/b/c/d.txt", content = "x" });

        Assert.Equal(("a/b/c", "directory"), (made.GetProperty("path").GetString(), made.GetProperty("type").GetString()));
        Assert.Equal("There is already a file or directory at 'a/b/c/d.txt'.", await mine.RefusedAsync("create_directory", new { path = "a/b/c/d.txt/e" }));
        Assert.Equal("There is no directory at 'z' to put it in.", await mine.RefusedAsync("write_file", new { path = "z/d.txt", content = "x" }));
    }

    [Fact]
    public async Task Every_version_that_was_replaced_is_in_the_trash_and_comes_back_beside_the_new_one()
    {
        var mine = await Mine.OfAsync(server);
        var first = await mine.DoAsync("write_file", new { path = "plan.md", content = "one" });
        var second = await mine.DoAsync("write_file", new { path = "plan.md", content = "two", if_match = Etag(first) });
        await mine.DoAsync("append_file", new { path = "plan.md", content = " and a half" });
        await mine.EditAsync("plan.md", [("two", "three")]);

        var trash = (await mine.DoAsync("list_trash", new { })).GetProperty("entries").EnumerateArray().ToList();
        Assert.Equal([14, 3, 3], trash.Select(entry => entry.GetProperty("size").GetInt64()));
        Assert.All(trash, entry => Assert.Equal(("plan.md", "replaced", "file", "alice"), (
            entry.GetProperty("path").GetString(), entry.GetProperty("kind").GetString(), entry.GetProperty("type").GetString(), entry.GetProperty("by").GetString())));
        Assert.Equal(Etag(second), Etag(trash[1]));

        var restored = await mine.DoAsync("restore_file", new { trash_id = Id(trash[2]) });
        Assert.Equal(("plan (restored).md", "plan.md"), (restored.GetProperty("path").GetString(), restored.GetProperty("restored_from").GetString()));
        Assert.Equal("plan (restored 2).md", (await mine.DoAsync("restore_file", new { trash_id = Id(trash[1]) })).GetProperty("path").GetString());
        Assert.Equal(("one", "two", "three and a half"), (await mine.ReadAsync("plan (restored).md"), await mine.ReadAsync("plan (restored 2).md"), await mine.ReadAsync("plan.md")));
        Assert.Equal(mine.OnDisk().Order(), (await mine.DoAsync("list_trash", new { })).GetProperty("entries").EnumerateArray().Select(Id).Order());
    }

    [Fact]
    public async Task What_is_deleted_comes_back_whole_even_when_its_directory_is_gone()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("create_directory", new { path = "a/b" });
        await mine.DoAsync("write_file", new { path = "a/b/c.txt", content = "kept" });
        var file = Id(await mine.DoAsync("delete_file", new { path = "a/b/c.txt" }));
        var directory = await mine.DoAsync("delete_file", new { path = "a" });

        Assert.Equal("directory", directory.GetProperty("type").GetString());
        Assert.Empty((await mine.DoAsync("list_directory", new { })).GetProperty("entries").EnumerateArray());
        Assert.Equal("a/b/c.txt", (await mine.DoAsync("restore_file", new { trash_id = file })).GetProperty("path").GetString());
        Assert.Equal("kept", await mine.ReadAsync("a/b/c.txt"));
        Assert.Equal("a (restored)", (await mine.DoAsync("restore_file", new { trash_id = Id(directory) })).GetProperty("path").GetString());

        const string nothing = "There is nothing with this trash_id in the trash of this project. list_trash shows what there is.";
        Assert.Equal(nothing, await mine.RefusedAsync("restore_file", new { trash_id = file }));
        Assert.Equal(nothing, await mine.RefusedAsync("restore_file", new { trash_id = "../welcome" }));
        Assert.Empty(mine.OnDisk());
    }

    [Fact]
    public async Task What_comes_back_finds_a_place_when_a_file_stands_where_its_directory_was()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("create_directory", new { path = "a" });
        await mine.DoAsync("write_file", new { path = "a/.env", content = "x" });
        var file = Id(await mine.DoAsync("delete_file", new { path = "a/.env" }));
        await mine.DoAsync("delete_file", new { path = "a" });
        await mine.DoAsync("write_file", new { path = "a", content = "now a file" });
        await mine.DoAsync("write_file", new { path = ".env", content = "there" });

        Assert.Equal(".env (restored)", (await mine.DoAsync("restore_file", new { trash_id = file })).GetProperty("path").GetString());
    }

    [Fact]
    public async Task Copies_and_moves_never_overwrite_and_a_directory_does_not_go_into_itself()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("create_directory", new { path = "d/e" });
        await mine.DoAsync("write_file", new { path = "a.txt", content = "a" });
        await mine.DoAsync("write_file", new { path = "d/b.txt", content = "b" });

        await mine.DoAsync("copy_file", new { source = "a.txt", destination = "d/c.txt" });
        Assert.Equal("There is already a file or directory at 'd/b.txt'.", await mine.RefusedAsync("copy_file", new { source = "a.txt", destination = "d/b.txt" }));
        Assert.Equal("There is already a file or directory at 'd/b.txt'.", await mine.RefusedAsync("move_file", new { source = "a.txt", destination = "d/b.txt" }));
        Assert.Equal("There is already a file or directory at 'd'.", await mine.RefusedAsync("move_file", new { source = "a.txt", destination = "d" }));
        Assert.Equal("There is already a file or directory at 'a.txt'.", await mine.RefusedAsync("move_file", new { source = "a.txt", destination = "a.txt" }));
        Assert.Equal("There is a directory at 'd', not a file.", await mine.RefusedAsync("copy_file", new { source = "d", destination = "f" }));
        Assert.Equal("A directory cannot be moved into itself.", await mine.RefusedAsync("move_file", new { source = "d", destination = "d/e/f" }));
        foreach (var (tool, arguments) in (IEnumerable<(string, object)>)[("move_file", new { source = "", destination = "x" }), ("delete_file", new { path = "" }), ("delete_file", new { path = "." })])
        {
            Assert.Equal("The project's own directory can be neither moved nor deleted.", await mine.RefusedAsync(tool, arguments));
        }

        await mine.DoAsync("move_file", new { source = "d", destination = "moved" });
        Assert.Equal(("a", "b", "a"), (await mine.ReadAsync("a.txt"), await mine.ReadAsync("moved/b.txt"), await mine.ReadAsync("moved/c.txt")));
        Assert.Empty(mine.OnDisk());
    }

    [Fact]
    public async Task Of_64_writers_with_one_etag_one_wins_and_63_are_told_why()
    {
        var mine = await Mine.OfAsync(server);
        var etag = Etag(await mine.DoAsync("write_file", new { path = "a.txt", content = "0" }));

        var answers = await Task.WhenAll(Enumerable.Range(1, 64).Select(i => mine.CallAsync("write_file", new { path = "a.txt", content = $"writer {i}", if_match = etag })));

        var winner = Assert.Single(answers, answer => !answer.IsError);
        Assert.All(answers.Where(answer => answer.IsError), answer => Assert.Equal("The file at 'a.txt' has changed; read it again and decide what to write.", answer.Failure));
        Assert.Equal($"writer {Array.IndexOf(answers, winner) + 1}", await mine.ReadAsync("a.txt"));
        var trash = Assert.Single((await mine.DoAsync("list_trash", new { })).GetProperty("entries").EnumerateArray());
        Assert.Equal([Id(trash)], mine.OnDisk());
    }

    [Fact]
    public async Task Many_who_append_at_once_lose_nothing()
    {
        var mine = await Mine.OfAsync(server);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => mine.CallAsync("append_file", new { path = "log.txt", content = $"line {i}\n" })));

        var lines = (await mine.ReadAsync("log.txt")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(answers.Count(answer => !answer.IsError), lines.Distinct().Count());
        Assert.All(answers.Select((answer, i) => (answer, i)), pair => Assert.Equal(!pair.answer.IsError, lines.Contains($"line {pair.i}")));
    }

    [Fact]
    public async Task What_an_edit_says_is_a_unified_diff_and_a_dry_run_changes_nothing()
    {
        var mine = await Mine.OfAsync(server);
        var etag = Etag(await mine.DoAsync("write_file", new { path = "a.txt", content = "one\ntwo\nthree\n" }));

        var dry = await mine.CallAsync("edit_file", new { path = "a.txt", edits = new[] { new { old_text = "two", new_text = "2" } }, dry_run = true });
        Assert.Equal("--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n", dry.Content.ReplaceLineEndings("\n"));
        Assert.False(dry.Result.TryGetProperty("structuredContent", out _));
        Assert.Equal((false, etag), (Given(dry).GetProperty("applied").GetBoolean(), Etag(Given(dry))));
        Assert.Equal("one\ntwo\nthree\n", await mine.ReadAsync("a.txt"));

        var done = await mine.EditAsync("a.txt", [("one\ntwo", "1\n2"), ("2\nthree", "2\n3")], etag);
        Assert.Equal("1\n2\n3\n", await mine.ReadAsync("a.txt"));
        Assert.True(Given(done).GetProperty("applied").GetBoolean());
        Assert.Contains("has changed", await mine.RefusedAsync("edit_file", new { path = "a.txt", edits = new[] { new { old_text = "1", new_text = "x" } }, if_match = etag }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no", "old_text does not stand in the file. Read it again and copy the text exactly.")]
    [InlineData("b", "old_text stands 2 times in the file. Give more of the text around it, so that it stands there once.")]
    [InlineData("aa", "old_text stands 2 times in the file. Give more of the text around it, so that it stands there once.")]
    [InlineData("c", "The edits change nothing.")]
    [InlineData("", "The argument 'edits[0].old_text' must not be empty.")]
    public async Task An_edit_that_is_not_clear_is_refused(string old, string said)
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("write_file", new { path = "a.txt", content = "aaabbc" });

        Assert.Equal(said, await mine.RefusedAsync("edit_file", new { path = "a.txt", edits = new[] { new { old_text = old, new_text = old == "c" ? "c" : "x" } } }));
        Assert.Equal("aaabbc", await mine.ReadAsync("a.txt"));
        Assert.Empty(mine.OnDisk());
    }

    [Fact]
    public async Task Edits_are_all_made_or_none()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("write_file", new { path = "a.txt", content = "one two" });

        var refused = await mine.RefusedAsync("edit_file", new { path = "a.txt", edits = new[] { new { old_text = "one", new_text = "1" }, new { old_text = "one", new_text = "2" } } });

        Assert.StartsWith("old_text of edit 2 does not stand in the file.", refused, StringComparison.Ordinal);
        Assert.Equal("one two", await mine.ReadAsync("a.txt"));
        foreach (var edits in (object[])[Array.Empty<object>(), new[] { new { old_text = "one" } }, new[] { new { old_text = "one", new_text = "1", more = true } }, new[] { new { old_text = 1, new_text = "1" } }, "one"])
        {
            Assert.Contains("edits", await mine.RefusedAsync("edit_file", new { path = "a.txt", edits }), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("utf-8", false, "\r\n")]
    [InlineData("utf-8", true, "\r\n")]
    [InlineData("utf-8", true, "\n")]
    [InlineData("utf-16", true, "\r\n")]
    [InlineData("utf-16BE", true, "\n")]
    public async Task Encoding_mark_line_endings_and_permissions_stay(string name, bool mark, string newLine)
    {
        var mine = await Mine.OfAsync(server);
        var encoding = Encoding.GetEncoding(name);
        byte[] Bytes(string text) => [.. mark ? encoding.GetPreamble() : [], .. encoding.GetBytes(text.ReplaceLineEndings(newLine))];
        await File.WriteAllBytesAsync(mine.On("a.sh"), Bytes("eins\nzwei\nd\u00fcrr \ud83d\ude00\n"));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(mine.On("a.sh"), (UnixFileMode)0b111_101_101);
        }

        await mine.EditAsync("a.sh", [("eins\nzwei", "1\n2\n2\u00bd"), ("d\u00fcrr", "3\n4")]);
        await mine.DoAsync("append_file", new { path = "a.sh", content = "\u00e4" });

        Assert.Equal(Bytes("1\n2\n2\u00bd\n3\n4 \ud83d\ude00\n\u00e4"), await File.ReadAllBytesAsync(mine.On("a.sh")));
        Assert.Equal((UnixFileMode)0b111_101_101, OperatingSystem.IsWindows() ? (UnixFileMode)0b111_101_101 : File.GetUnixFileMode(mine.On("a.sh")));
    }

    [Fact]
    public async Task What_is_no_text_is_neither_edited_nor_appended_to()
    {
        var mine = await Mine.OfAsync(server);
        await File.WriteAllBytesAsync(mine.On("a.bin"), [1, 2, 0, 3]);
        await File.WriteAllBytesAsync(mine.On("b.bin"), [0x61, 0xFF, 0x62]);

        Assert.Equal("'a.bin' is not a text file.", await mine.RefusedAsync("edit_file", new { path = "a.bin", edits = new[] { new { old_text = "a", new_text = "b" } } }));
        Assert.Equal("'b.bin' is not a text file.", await mine.RefusedAsync("edit_file", new { path = "b.bin", edits = new[] { new { old_text = "a", new_text = "b" } } }));
        Assert.Equal("'a.bin' is not a text file.", await mine.RefusedAsync("append_file", new { path = "a.bin", content = "x" }));
    }

    [Fact]
    public async Task Everything_that_changes_is_in_the_projects_history()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("create_directory", new { path = "d" });
        var etag = Etag(await mine.DoAsync("write_file", new { path = "a", content = "1" }));
        await mine.DoAsync("write_file", new { path = "a", content = "2", if_match = etag });
        await mine.DoAsync("append_file", new { path = "a", content = "3" });
        await mine.EditAsync("a", [("3", "4")]);
        await mine.DoAsync("copy_file", new { source = "a", destination = "b" });
        await mine.DoAsync("move_file", new { source = "b", destination = "d/b" });
        await mine.RefusedAsync("delete_file", new { path = "none" });
        await mine.DoAsync("restore_file", new { trash_id = Id(await mine.DoAsync("delete_file", new { path = "d" })) });

        Assert.Equal(
            ["create_directory d", "write_file a", "write_file a", "append_file a", "edit_file a", "copy_file b", "move_file b", "delete_file d", "restore_file d"],
            mine.History().Where(row => row.Path.Length > 0).Select(row => $"{row.Action} {row.Path}"));
        var listed = (await mine.DoAsync("list_activity", new { limit = 3 })).GetProperty("activity").EnumerateArray().Select(deed => $"{deed.GetProperty("by").GetString()} {deed.GetProperty("action").GetString()}");
        Assert.Equal(["alice restore_file", "alice delete_file", "alice move_file"], listed);
    }

    private static string Etag(JsonElement file) => file.GetProperty("etag").GetString()!;

    private static string Id(JsonElement trash) => trash.GetProperty("trash_id").GetString()!;

    private static JsonElement Given(Answer answer) => JsonDocument.Parse(answer.Result.GetProperty("content")[1].GetProperty("text").GetString()!).RootElement;
}
