using McpFilesServer.Data;
using McpFilesServer.Tests.Data;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block F for what changes files: links, second names, swapped directories, twins, floods, and the server's own directory.</summary>
public sealed class FileWriteAttacks(Server server)
{
    [Theory]
    [Trait("Attack", "F06")]
    [InlineData("dangling")]
    [InlineData("to-file")]
    [InlineData("chain")]
    [InlineData("loop")]
    [InlineData("out/new.txt")]
    [InlineData("out/secret.txt")]
    [InlineData("out/sub/new.txt")]
    [InlineData("inside/up/new.txt")]
    [InlineData("out")]
    public async Task Nothing_is_changed_through_a_link(string path)
    {
        var mine = await Mine.OfAsync(server);
        var outside = Directory.CreateTempSubdirectory("mcp-outside-");
        await File.WriteAllTextAsync(Path.Combine(outside.FullName, "secret.txt"), "SECRET");
        await mine.DoAsync("create_directory", new { path = "inside" });
        await mine.DoAsync("write_file", new { path = "a.txt", content = "a" });
        File.CreateSymbolicLink(mine.On("dangling"), Path.Combine(outside.FullName, "new.txt"));
        File.CreateSymbolicLink(mine.On("to-file"), Path.Combine(outside.FullName, "secret.txt"));
        File.CreateSymbolicLink(mine.On("chain"), "to-file");
        File.CreateSymbolicLink(mine.On("loop"), "loop");
        Directory.CreateSymbolicLink(mine.On("out"), outside.FullName);
        Directory.CreateSymbolicLink(mine.On("inside/up"), "..");

        foreach (var (tool, arguments) in Every(path, "a.txt"))
        {
            Assert.DoesNotContain("SECRET", await mine.RefusedAsync(tool, arguments), StringComparison.Ordinal);
        }

        Assert.Equal("SECRET", await File.ReadAllTextAsync(Path.Combine(outside.FullName, "secret.txt")));
        Assert.Equal(["secret.txt"], outside.GetFileSystemInfos().Select(info => info.Name));
        Assert.Equal("a", await mine.ReadAsync("a.txt"));
        Assert.Empty(mine.OnDisk());
        Assert.Empty(mine.TrashRows());
        outside.Delete(recursive: true);
    }

    [Fact]
    [Trait("Attack", "F07")]
    public async Task A_file_with_a_second_name_is_changed_by_nothing()
    {
        using var scratch = new Scratch();
        var mine = await Mine.OfAsync(server);
        scratch.HardLink(Path.Join(scratch.Outside, "secret.txt"), "link");
        File.Move(scratch.On("link"), mine.On("stolen.txt"));
        await mine.DoAsync("write_file", new { path = "a.txt", content = "a" });

        foreach (var (tool, arguments) in Every("stolen.txt", "a.txt"))
        {
            await mine.RefusedAsync(tool, arguments);
        }

        scratch.AssertForeignUntouched();
        Assert.Empty(mine.OnDisk());
    }

    [Theory]
    [Trait("Attack", "F08")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_directory_that_keeps_turning_into_a_link_leads_no_change_outside(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("dir/secret.txt", "mine");
        scratch.Put("source.txt", "mine");
        Directory.CreateSymbolicLink(scratch.On("link"), scratch.Outside);
        using var stop = new CancellationTokenSource();
        var swaps = Task.Run(() => scratch.KeepSwapping(stop.Token), TestContext.Current.CancellationToken);

        var (done, refused) = (0, 0);
        for (var i = 0; i < Scratch.Races || (i < Scratch.Races * 100 && (done == 0 || refused == 0)); i++)
        {
            var (folder, fresh, id) = (scratch.Folder, ProjectPath.Parse($"dir/new-{i}"), TemporaryFile.NewId());
            foreach (var action in (Action[])
            [
                () => scratch.Create(fresh.Text, "mine"),
                () => scratch.Replace("dir/secret.txt", "mine", scratch.Describe("dir/secret.txt").Etag!),
                () => folder.MakeDirectories(ProjectPath.Parse($"dir/d-{i}/e")),
                () => folder.Move(fresh, ProjectPath.Parse($"dir/d-{i}/e/moved")),
                () => folder.Move(ProjectPath.Parse("dir/secret.txt"), ProjectPath.Parse("taken.txt")),
                () => folder.Move(ProjectPath.Parse("taken.txt"), ProjectPath.Parse("dir/secret.txt")),
                () => folder.Discard(ProjectPath.Parse($"dir/d-{i}"), folder.Measure(ProjectPath.Parse($"dir/d-{i}")).State, id),
                () => folder.Restore(id, ProjectPath.Parse($"dir/back-{i}")),
            ])
            {
                _ = Try(action) ? done++ : refused++;
            }
        }

        await stop.CancelAsync();
        Assert.True(await swaps > 0);
        Assert.True(done > 0 && refused > 0, $"The race did not happen: {done} done, {refused} refused.");
        Assert.DoesNotContain(scratch.Everything(), path => Path.GetFileName(path).StartsWith("tmp-", StringComparison.Ordinal));
        scratch.AssertForeignUntouched();
    }

    [Fact]
    [Trait("Attack", "F12")]
    public async Task Twins_of_a_name_are_two_files_or_one_and_none_overwrites_the_other()
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("write_file", new { path = "caf\u00e9.txt", content = "composed" });
        await File.WriteAllTextAsync(mine.On("the\u0301.txt"), "planted");
        await mine.DoAsync("write_file", new { path = "Secret.txt", content = "upper" });

        Assert.Contains("There is already", await mine.RefusedAsync("write_file", new { path = "cafe\u0301.txt", content = "x" }), StringComparison.Ordinal);
        Assert.Contains("There is already", await mine.RefusedAsync("move_file", new { source = "Secret.txt", destination = "cafe\u0301.txt" }), StringComparison.Ordinal);
        await mine.DoAsync("write_file", new { path = "the\u0301.txt", content = "mine" });
        await mine.CallAsync("write_file", new { path = "secret.txt", content = "lower" });

        Assert.Equal(("composed", "upper", "planted"), (await mine.ReadAsync("caf\u00e9.txt"), await mine.ReadAsync("Secret.txt"), await File.ReadAllTextAsync(mine.On("the\u0301.txt"))));
    }

    [Theory]
    [Trait("Attack", "F14")]
    [InlineData(0, 20)]
    [InlineData(700, 14)]
    public async Task A_flood_of_many_at_once_ends_at_the_quota_and_never_over_it(int size, int room)
    {
        await using var own = await Server.StartAsync(null, ("Files:Quota:Files", "20"), ("Files:Quota:Bytes", "10000"));
        var mine = await Mine.OfAsync(own);

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => mine.CallAsync("write_file", new { path = $"f{i}", content = new string('x', size) })));

        Assert.Equal(room, answers.Count(answer => !answer.IsError));
        Assert.Equal(room, Directory.GetFiles(mine.Root).Length);
        Assert.All(answers.Where(answer => answer.IsError), answer => Assert.StartsWith($"This project may hold {(size == 0 ? "20 files" : "10000 bytes")}", answer.Failure, StringComparison.Ordinal));

        // What is deleted still counts, in every way that something can be added.
        foreach (var i in Enumerable.Range(0, 60).Where(i => !answers[i].IsError).Take(3))
        {
            await mine.DoAsync("delete_file", new { path = $"f{i}" });
        }

        var listed = (await mine.DoAsync("list_directory", new { })).GetProperty("entries")[0];
        var (left, etag) = (listed.GetProperty("path").GetString()!, listed.GetProperty("etag").GetString());
        foreach (var (tool, arguments) in (IEnumerable<(string, object)>)
        [
            ("copy_file", new { source = left, destination = "copy" }), ("append_file", new { path = left, content = new string('x', 400) }),
            ("write_file", new { path = left, content = new string('y', 400), if_match = etag }),
        ])
        {
            Assert.StartsWith("This project may hold", await mine.RefusedAsync(tool, arguments), StringComparison.Ordinal);
        }

        Assert.Equal(size == 0, (await mine.CallAsync("create_directory", new { path = "d/e/f" })).IsError);
        Assert.DoesNotContain(mine.OnDisk(), name => name.StartsWith("tmp-", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Attack", "own: the server's own directory, in every spelling")]
    [InlineData(".mcp-trash")]
    [InlineData(".mcp-trash/")]
    [InlineData(".MCP-Trash")]
    [InlineData("./.mcp-trash")]
    [InlineData("a/../.mcp-trash")]
    [InlineData(".mcp-trash/{id}")]
    [InlineData(".mcp-trash/{id}/new")]
    [InlineData(".mcp-trash\\{id}")]
    [InlineData(".mcp\u00adtrash")]
    [InlineData(".mcp-trash.")]
    [InlineData(".mcp-trash\u200b/{id}")]
    [InlineData("d/.mcp-trash")]
    public async Task The_trash_has_no_path(string path)
    {
        var mine = await Mine.OfAsync(server);
        await mine.DoAsync("create_directory", new { path = "d" });
        await mine.DoAsync("write_file", new { path = "a.txt", content = "a" });
        await mine.DoAsync("write_file", new { path = "gone.txt", content = "SECRET" });
        var id = (await mine.DoAsync("delete_file", new { path = "gone.txt" })).GetProperty("trash_id").GetString()!;
        path = path.Replace("{id}", id, StringComparison.Ordinal);

        foreach (var (tool, arguments) in Every(path, "a.txt").Append(("list_directory", new { path })).Append(("read_text_file", new { path })))
        {
            Assert.DoesNotContain("SECRET", await mine.RefusedAsync(tool, arguments), StringComparison.Ordinal);
        }

        Assert.Equal([id], mine.OnDisk());
        Assert.Equal("SECRET", await File.ReadAllTextAsync(mine.On($".mcp-trash/{id}")));
        Assert.DoesNotContain("mcp-trash", (await mine.CallAsync("list_directory", new { })).Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "own: a planted trash")]
    public async Task A_trash_that_is_a_link_or_a_file_is_not_used_and_nothing_is_changed()
    {
        var outside = Directory.CreateTempSubdirectory("mcp-outside-");
        foreach (var plant in (Action<string>[])[path => Directory.CreateSymbolicLink(path, outside.FullName), path => File.WriteAllText(path, "x"), path => File.CreateSymbolicLink(path, "nowhere")])
        {
            var mine = await Mine.OfAsync(server);
            await File.WriteAllTextAsync(mine.On("a.txt"), "a");
            plant(mine.On(".mcp-trash"));

            foreach (var (tool, arguments) in (IEnumerable<(string, object)>)
                [("write_file", new { path = "b.txt", content = "b" }), ("append_file", new { path = "a.txt", content = "b" }), ("copy_file", new { source = "a.txt", destination = "b.txt" }), ("delete_file", new { path = "a.txt" })])
            {
                Assert.Equal("The project's trash cannot be used, so nothing is changed. Tell the server's operator.", await mine.RefusedAsync(tool, arguments));
            }

            Assert.Equal("a", await mine.ReadAsync("a.txt"));
        }

        Assert.Empty(outside.GetFileSystemInfos());
        outside.Delete();
    }

    [Fact]
    [Trait("Attack", "F20")]
    public async Task A_trash_id_is_worth_nothing_in_another_project_or_to_another_person()
    {
        var (mine, other) = (await Mine.OfAsync(server), await Mine.OfAsync(server));
        await mine.DoAsync("write_file", new { path = "a.txt", content = "a" });
        var id = (await mine.DoAsync("delete_file", new { path = "a.txt" })).GetProperty("trash_id").GetString()!;
        var bob = await server.Tokens.OfAsync("bob", Mine.Scopes);

        var foreign = await other.RefusedAsync("restore_file", new { trash_id = id });
        Assert.Equal(foreign, await other.RefusedAsync("restore_file", new { trash_id = new string('0', 32) }));
        foreach (var (tool, arguments) in Every("a.txt", "b.txt").Append(("restore_file", new { trash_id = id })).Append(("list_trash", new { })))
        {
            var all = System.Text.Json.JsonSerializer.SerializeToNode(arguments)!.AsObject();
            all["project"] = mine.Slug;
            Assert.Equal($"You have no project '{mine.Slug}'. list_projects shows the ones you have.", (await server.CallAsync(bob, tool, all)).Failure);
            all["project"] = "welcome";
            Assert.True(tool == "list_trash" || (await server.CallAsync(bob, tool, all)).Failure == "This takes the role editor in 'welcome'; yours is reader.");
        }

        Assert.Equal([id], mine.OnDisk());
    }

    /// <summary>Every tool that changes files, on a path; what another path is needed for gets the other one.</summary>
    private static IEnumerable<(string Tool, object Arguments)> Every(string path, string other) =>
    [
        ("write_file", new { path, content = "x" }), ("write_file", new { path, content = "x", if_match = "x" }), ("append_file", new { path, content = "x" }),
        ("edit_file", new { path, edits = new[] { new { old_text = "S", new_text = "x" } } }), ("edit_file", new { path, edits = new[] { new { old_text = "S", new_text = "x" } }, dry_run = true }),
        ("create_directory", new { path }), ("copy_file", new { source = path, destination = "copied" }), ("copy_file", new { source = other, destination = path }),
        ("move_file", new { source = path, destination = "moved" }), ("move_file", new { source = other, destination = path }), ("delete_file", new { path }),
    ];

    private static bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (ProblemException)
        {
            return false;
        }
    }
}
