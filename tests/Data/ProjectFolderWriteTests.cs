using System.Runtime.Versioning;
using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

public sealed class ProjectFolderWriteTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Creating_never_overwrites(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Create("a.txt", "first");

        Assert.Equal("There is already a file or directory at 'a.txt'.", scratch.Refusal(() => scratch.Create("a.txt", "second")));
        Assert.Equal("first", scratch.Read("a.txt"));
        Assert.Equal(["a.txt"], scratch.Everything());
    }

    [Fact]
    public void Of_many_who_create_one_file_one_wins()
    {
        using var scratch = new Scratch();
        var won = 0;
        AtOnce(i => Count(ref won, () => scratch.Create("a.txt", $"writer {i}")));

        Assert.Equal(1, won);
        Assert.Equal(["a.txt"], scratch.Everything());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Of_many_with_one_etag_one_wins_and_what_it_wrote_stays(bool walk, bool copy)
    {
        using var scratch = new Scratch(walk, copy);
        var etag = scratch.Create("a.txt", "0").Etag!;
        for (var round = 0; round < Scratch.Races / 4; round++)
        {
            var won = 0;
            FileEntry? winner = null;
            AtOnce(i => Count(ref won, () =>
            {
                // Each has its own folder, as each request will.
                var folder = scratch.Open();
                winner = Scratch.Replace(folder, "a.txt", new byte[i], etag);
            }));

            Assert.Equal(1, won);
            Assert.Equal(winner, scratch.Describe("a.txt"));
            Assert.NotEqual(etag, winner!.Etag);
            etag = winner.Etag!;
            Assert.Equal(round + 2, scratch.Everything().Count());
        }

        Assert.Equal(["a.txt"], scratch.Shown());
        Assert.DoesNotContain(scratch.Everything(), path => path.Contains("tmp-", StringComparison.Ordinal));
    }

    [Fact]
    public void Replacing_a_changed_file_is_refused()
    {
        using var scratch = new Scratch();
        var etag = scratch.Create("a.txt", "mine").Etag!;
        File.WriteAllText(scratch.On("a.txt"), "them");

        Assert.Contains("has changed", scratch.Refusal(() => scratch.Replace("a.txt", "x", etag)), StringComparison.Ordinal);
        Assert.Contains("has changed", scratch.Refusal(() => scratch.Replace("a.txt", "x", "")), StringComparison.Ordinal);
        Assert.Contains("has changed", scratch.Refusal(() => scratch.Replace("a.txt", "x", "*")), StringComparison.Ordinal);
        Assert.Equal("them", scratch.Read("a.txt"));
        Assert.Equal(["a.txt"], scratch.Everything());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Replacing_keeps_the_permissions_but_nothing_above_them()
    {
        using var scratch = new Scratch();
        var path = scratch.On("a.sh");
        scratch.Put("a.sh", "x");
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead;
        File.SetUnixFileMode(path, mode | UnixFileMode.SetUser);

        scratch.Replace("a.sh", "y", scratch.Describe("a.sh").Etag!);

        Assert.Equal(mode, File.GetUnixFileMode(path));
    }

    [Fact]
    public void An_etag_notices_a_change_that_hides_its_time()
    {
        using var scratch = new Scratch();
        scratch.Put("a.txt", "one");
        File.SetLastWriteTimeUtc(scratch.On("a.txt"), DateTime.UnixEpoch);
        var before = scratch.Describe("a.txt");
        File.WriteAllText(scratch.On("a.txt"), "two");
        File.SetLastWriteTimeUtc(scratch.On("a.txt"), DateTime.UnixEpoch);

        var after = scratch.Describe("a.txt");

        Assert.Equal(before.Modified, after.Modified);
        Assert.NotEqual(before.Etag, after.Etag);
    }

    [Fact]
    public void A_project_to_be_read_is_not_written()
    {
        using var scratch = new Scratch();
        var etag = scratch.Create("a.txt", "x").Etag!;
        var folder = scratch.Open(new FolderRules { ReadOnly = true });

        Assert.Equal("This project can only be read.", scratch.Refusal(() => folder.Create(ProjectPath.Parse("b"), "x"u8)));
        scratch.Refusal(() => Scratch.Replace(folder, "a.txt", [1], etag));
        scratch.Refusal(folder.CreateRoot);
        scratch.Refusal(() => folder.MakeDirectories(ProjectPath.Parse("d")));
        scratch.Refusal(() => folder.Move(ProjectPath.Parse("a.txt"), ProjectPath.Parse("b")));
        scratch.Refusal(() => folder.Measure(ProjectPath.Parse("a.txt")));
        scratch.Refusal(() => folder.Restore("0", ProjectPath.Parse("b")));
        scratch.Refusal(() => folder.Purge("0"));
        Assert.Empty(folder.SweepTemporaries());
        Assert.Equal(["a.txt"], scratch.Everything());
        Assert.Equal("x", scratch.Read("a.txt"));
    }

    [Fact]
    public void Nothing_is_left_behind_when_a_write_fails()
    {
        using var scratch = new Scratch();
        scratch.Put("file", "x");
        Directory.CreateDirectory(scratch.On("dir"));
        Directory.CreateSymbolicLink(scratch.On("link"), "nowhere");

        foreach (var path in new[] { "file", "dir", "link", "file/x", "no/x", "link/x" })
        {
            scratch.Refusal(() => scratch.Create(path, "x"));
            scratch.Refusal(() => scratch.Replace(path, "x", "wrong"));
        }

        Assert.Equal(["dir", "file", "link"], scratch.Everything().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_file_that_does_not_get_its_name_is_removed_and_was_never_seen()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch.On("dir"));
        using (var staged = scratch.Folder.Stage(ProjectPath.Parse("dir/new")))
        {
            staged.Append("x"u8);
            staged.Finish();
            Assert.Equal(2, scratch.Everything().Count());
            Assert.Equal(["dir"], scratch.List());
            Directory.Delete(scratch.On("dir"));
            scratch.Refusal(() => scratch.Folder.Place(staged, ProjectPath.Parse("dir/new")));
        }

        Assert.Empty(scratch.Everything());
    }

    [Theory]
    [InlineData(28, "The disk is full.")]
    [InlineData(122, "The disk is full.")]
    [InlineData(30, "This project can only be read.")]
    [InlineData(13, "The server may not write to 'a'.")]
    [InlineData(5, "'a' could not be written.")]
    [InlineData(9999, "'a' could not be written.")]
    public void Every_error_of_the_system_is_a_sentence(int errno, string sentence) =>
        Assert.Equal(sentence, DiskFaults.WhenWriting(DiskFaults.FromErrno(errno), ProjectPath.Parse("a")).Message);

    [Fact]
    public void What_a_crash_left_is_swept_and_nothing_else()
    {
        using var scratch = new Scratch();
        scratch.Put(".mcp-trash/tmp-1", "left");
        scratch.Put(".mcp-trash/0a1b", "kept");
        scratch.Put("a/tmp-3", "kept");
        File.CreateSymbolicLink(scratch.On(".mcp-trash/tmp-5"), Path.Join(scratch.Outside, "secret.txt"));

        Assert.Equal(["0a1b"], scratch.Folder.SweepTemporaries());

        Assert.Equal([".mcp-trash/0a1b", "a", "a/tmp-3"], scratch.Everything().Order(StringComparer.Ordinal));
        scratch.AssertForeignUntouched();
    }

    // Sixteen threads of their own: the pool would start them one after the other.
    private static void AtOnce(Action<int> action)
    {
        using var start = new Barrier(16);
        var threads = Enumerable.Range(0, 16).Select(i => new Thread(() =>
        {
            start.SignalAndWait();
            action(i);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
    }

    private static void Count(ref int won, Action write)
    {
        try
        {
            write();
            Interlocked.Increment(ref won);
        }
        catch (ProblemException)
        {
        }
    }
}
