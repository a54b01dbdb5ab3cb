using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

public sealed class ListingTests
{
    [Theory]
    [InlineData(EntryOrder.Name)]
    [InlineData(EntryOrder.Size)]
    [InlineData(EntryOrder.Modified)]
    internal void Pages_have_every_entry_once_and_in_order(EntryOrder order)
    {
        using var scratch = new Scratch();
        foreach (var i in Enumerable.Range(0, 500))
        {
            File.WriteAllText(scratch.On($"file-{i * 7919 % 500:D3}"), new string('x', i % 40));
        }

        Directory.CreateDirectory(scratch.On("dir"));
        var (pages, mark) = (new List<FileEntry>(), (EntryMark?)null);
        do
        {
            var page = scratch.Folder.Page(ProjectPath.Root, order, mark, 70, CancellationToken.None);
            pages.AddRange(page.Entries);
            mark = page.Next;
        }
        while (mark is not null);

        Assert.Equal(501, pages.Select(entry => entry.Path).Distinct().Count());
        var sorted = order switch
        {
            EntryOrder.Size => pages.OrderByDescending(entry => entry.Size ?? -1).ThenBy(entry => entry.Path, StringComparer.Ordinal),
            EntryOrder.Modified => pages.OrderByDescending(entry => entry.Modified).ThenBy(entry => entry.Path, StringComparer.Ordinal),
            _ => pages.OrderBy(entry => entry.Path, StringComparer.Ordinal),
        };
        Assert.Equal(sorted, pages);
    }

    [Fact]
    public void A_page_is_full_although_most_names_are_nothing_that_may_be_seen()
    {
        using var scratch = new Scratch();
        var other = Path.Join(scratch.Outside, "secret.txt");
        foreach (var i in Enumerable.Range(0, 400))
        {
            scratch.HardLink(other, $"a-{i:D3}");
            Directory.CreateSymbolicLink(scratch.On($"b-{i:D3}"), scratch.Outside);
            File.WriteAllText(scratch.On($"c{i:D3} "), "x");
        }

        foreach (var name in "defgh")
        {
            scratch.Put(name.ToString(), "x");
        }

        var first = scratch.Folder.Page(ProjectPath.Root, EntryOrder.Name, null, 3, CancellationToken.None);
        var last = scratch.Folder.Page(ProjectPath.Root, EntryOrder.Name, first.Next, 3, CancellationToken.None);

        Assert.Equal(["d", "e", "f"], first.Entries.Select(entry => entry.Path));
        Assert.Equal(["g", "h"], last.Entries.Select(entry => entry.Path));
        Assert.Null(last.Next);
    }

    [Fact]
    public void The_quick_yes_to_a_name_is_never_given_to_one_that_the_rules_refuse()
    {
        var random = new Random(1);
        const string Alphabet = "aCOoNn.mM1 :\\-_~\u00e9\u202e$prxutl";
        for (var i = 0; i < 200_000; i++)
        {
            var name = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            Assert.True(!NameRules.IsPlain(System.Text.Encoding.UTF8.GetBytes(name)) || ProjectPath.Root.Child(name) is not null, name);
        }

        Assert.True(NameRules.IsPlain("readme.md"u8));
        Assert.False(NameRules.IsPlain(System.Text.Encoding.UTF8.GetBytes(new string('a', 256))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_tree_says_where_it_is_cut(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("a/b/c/d.txt", "x");
        scratch.Put("z.txt", "x");
        Directory.CreateDirectory(scratch.On("empty"));
        Directory.CreateSymbolicLink(scratch.On("a/link"), scratch.Outside);
        foreach (var i in Enumerable.Range(0, 260))
        {
            scratch.Put($"many/{i:D3}", "x");
        }

        var tree = DirectoryTree.Read(scratch.Folder, ProjectPath.Root, 2, CancellationToken.None);
        var whole = DirectoryTree.Read(scratch.Folder, ProjectPath.Parse("a"), 5, CancellationToken.None);

        Assert.True(tree.Truncated);
        Assert.Equal(["a/b", "many"], tree.Entries.Where(entry => entry.Cut == true).Select(entry => entry.Path));
        Assert.Equal(["a", "a/b", "empty", "many", "many/000"], tree.Entries.Take(5).Select(entry => entry.Path));
        Assert.Equal(250, tree.Entries.Count(entry => entry.Path.StartsWith("many/", StringComparison.Ordinal)));
        Assert.Equal("z.txt", tree.Entries[^1].Path);
        Assert.Equal(["a/b", "a/b/c", "a/b/c/d.txt"], whole.Entries.Select(entry => entry.Path));
        Assert.False(whole.Truncated);
        Assert.NotNull(whole.Entries[^1].Etag);
    }
}
