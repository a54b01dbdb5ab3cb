using System.Runtime.Versioning;
using System.Text;
using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

public sealed class ProjectFolderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_comes_back_as_it_was_written(bool walk)
    {
        using var scratch = new Scratch(walk);
        Directory.CreateDirectory(scratch.On("a/b"));

        var created = scratch.Create("a/b/c.txt", "héllo");

        Assert.Equal("héllo", scratch.Read("a/b/c.txt"));
        Assert.Equal(("a/b/c.txt", "file", 6L), (created.Path, created.Type, created.Size));
        Assert.Equal(16, created.Etag!.Length);
        Assert.Equal(created, scratch.Describe("a/b/c.txt"));
        Assert.Equal(File.GetLastWriteTimeUtc(scratch.On("a/b/c.txt")), created.Modified.UtcDateTime);
        Assert.Equal(new("a", "directory", created.Modified), scratch.Describe("a") with { Modified = created.Modified });
        Assert.Equal("", scratch.Describe("").Path);
    }

    [Fact]
    public async Task An_opened_file_can_be_read_without_blocking_and_stays_that_file()
    {
        using var scratch = new Scratch();
        var old = scratch.Create("a.txt", "old");
        using var opened = scratch.Folder.OpenRead(ProjectPath.Parse("a.txt"));
        scratch.Replace("a.txt", "new!", old.Etag!);

        await using var stream = opened.AsStream();
        using var reader = new StreamReader(stream);

        Assert.Equal("old", await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Equal(old, opened.Entry);
        Assert.Equal("new!", scratch.Read("a.txt"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_missing_is_said_in_one_sentence(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("file", "x");

        Assert.All(["x.md", "no/x.md", "file/x.md"], path =>
        {
            Assert.Equal($"There is no file or directory at '{path}'.", scratch.Refusal(() => scratch.Read(path)));
            Assert.Equal($"There is no file or directory at '{path}'.", scratch.Refusal(() => scratch.Describe(path)));
            Assert.Equal($"There is no file or directory at '{path}'.", scratch.Refusal(() => scratch.Replace(path, "x", "x")));
            Assert.Equal($"There is no directory at '{path}'.", scratch.Refusal(() => scratch.List(path)));
        });
        Assert.Equal("There is no directory at 'no' to put it in.", scratch.Refusal(() => scratch.Create("no/x.md", "x")));
        Assert.Contains("…", scratch.Refusal(() => scratch.Read(string.Join('/', Enumerable.Repeat(new string('a', 100), 20)))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_is_not_a_file_and_the_project_is_not_either()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch.On("a"));

        Assert.Equal("There is a directory at 'a', not a file.", scratch.Refusal(() => scratch.Read("a")));
        Assert.Equal("There is a directory at 'a', not a file.", scratch.Refusal(() => scratch.Replace("a", "x", "x")));
        Assert.StartsWith("There is already", scratch.Refusal(() => scratch.Create("a", "x")), StringComparison.Ordinal);
        scratch.Refusal(() => scratch.Read(""));
        scratch.Refusal(() => scratch.Create("", "x"));
        scratch.Refusal(() => scratch.Replace("", "x", "x"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_missing_project_is_a_sentence_without_its_place(bool walk)
    {
        using var scratch = new Scratch(walk);
        Directory.Delete(scratch.Root);

        scratch.Refusal(() => scratch.Read("x"));
        scratch.Refusal(() => scratch.List());
        scratch.Refusal(() => scratch.Describe(""));
        scratch.Refusal(() => scratch.Create("x", "x"));

        Directory.CreateSymbolicLink(scratch.Root, scratch.Outside);
        scratch.Refusal(() => scratch.Read("secret.txt"));
        scratch.Refusal(() => scratch.List());
        File.Delete(scratch.Root);
        Directory.CreateDirectory(scratch.Root);
    }

    [Fact]
    public void A_listing_is_sorted_and_cut_and_says_so()
    {
        using var scratch = new Scratch();
        foreach (var name in new[] { "b", "a", "C", "é", "d" })
        {
            scratch.Put("dir/" + name, name);
        }

        Assert.Equal(["dir/C", "dir/a", "dir/b", "dir/d", "dir/é"], scratch.List("dir"));
        var some = scratch.Folder.List(ProjectPath.Parse("dir"), 2, out var cut);
        Assert.Equal(["dir/C", "dir/a"], some.Select(entry => entry.Path));
        Assert.True(cut);
        scratch.Folder.List(ProjectPath.Parse("dir"), 5, out cut);
        Assert.False(cut);
        Assert.Equal(scratch.Describe("dir/C"), some[0]);
    }

    [Fact]
    public void A_large_directory_is_listed_whole()
    {
        using var scratch = new Scratch();
        foreach (var i in Enumerable.Range(0, 3000))
        {
            File.WriteAllBytes(scratch.On($"file-{i:D4}-{new string('x', i % 100)}"), []);
        }

        Assert.Equal(3000, scratch.List(max: 5000).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void The_directory_of_a_project_is_closed_to_others()
    {
        using var scratch = new Scratch();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(scratch.Root));
        scratch.Folder.CreateRoot();
    }

    [Fact]
    public void Names_that_differ_in_case_are_two_files()
    {
        using var scratch = new Scratch();
        scratch.Create("Secret.txt", "1");
        scratch.Create("secret.txt", "2");

        Assert.Equal(("1", "2"), (scratch.Read("Secret.txt"), scratch.Read("secret.txt")));
    }

    [Fact]
    public void The_decomposed_twin_of_a_name_is_neither_listed_nor_overwritten()
    {
        using var scratch = new Scratch();
        scratch.Put("e\u0301.txt", "decomposed");
        scratch.Create("é.txt", "composed");

        Assert.Equal(["é.txt"], scratch.List());
        Assert.Equal("composed", scratch.Read("é.txt"));
        Assert.Equal("decomposed", File.ReadAllText(scratch.On("e\u0301.txt"), Encoding.UTF8));
    }
}
