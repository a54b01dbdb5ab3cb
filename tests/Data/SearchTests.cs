using McpFilesServer.Data;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace McpFilesServer.Tests.Data;

public sealed class SearchTests : IDisposable
{
    private readonly WalkSlots _slots = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_search_finds_what_a_plain_loop_finds(bool walk)
    {
        using var scratch = new Scratch(walk);
        var random = new Random(3);
        foreach (var i in Enumerable.Range(0, 300))
        {
            var lines = Enumerable.Range(0, random.Next(0, 60)).Select(_ => $"{(random.Next(9) == 0 ? "needle" : "hay")} {random.Next(100)} {new string('é', random.Next(30))}");
            scratch.Put($"d{i % 7}/e{i % 3}/f{i}.txt", string.Join(i % 2 == 0 ? "\n" : "\r\n", lines));
        }

        // Larger than any buffer, with lines across its borders.
        scratch.Put("large.txt", string.Join('\n', Enumerable.Range(0, 200_000).Select(i => i % 9999 == 0 ? $"needle {i}" : $"hay {i}")));
        foreach (var pattern in (string[])["needle", "^needle 1", @"\d\d é+$", "NEEDLE|hay 7"])
        {
            var expected = scratch.Everything().Where(path => File.Exists(scratch.On(path)))
                .SelectMany(path => File.ReadAllLines(scratch.On(path)).Select((line, i) => (path, Number: i + 1L, line)))
                .Where(found => System.Text.RegularExpressions.Regex.IsMatch(found.line, pattern)).OrderBy(found => found.path, StringComparer.Ordinal).ToList();

            var found = await SearchAsync(scratch, pattern, limit: int.MaxValue);

            Assert.NotEmpty(expected);
            Assert.Equal(expected, found.Matches.Select(match => (match.Path, match.Line, match.Text)));
            Assert.False(found.Truncated);
            Assert.Equal(301, found.SearchedFiles);
            Assert.Equal(0, found.SkippedFiles);
        }
    }

    [Fact]
    public async Task Context_is_given_also_where_a_piece_of_a_file_ends()
    {
        using var scratch = new Scratch();
        scratch.Put("large.txt", string.Join('\n', Enumerable.Range(0, 400_000).Select(i => i % 1000 == 0 ? $"needle {i}" : $"hay {i}")));

        var found = await SearchAsync(scratch, "needle", context: 2, limit: 1000);

        Assert.Equal(400, found.Matches.Count);
        Assert.Equal(["hay 999998".Replace("999998", "398998", StringComparison.Ordinal), "hay 398999"], found.Matches[^1].Before!);
        Assert.All(found.Matches.Skip(1), match =>
        {
            var number = match.Line - 1;
            Assert.Equal([$"hay {number - 2}", $"hay {number - 1}"], match.Before!);
            Assert.Equal([$"hay {number + 1}", $"hay {number + 2}"], match.After!);
        });
    }

    [Fact]
    public async Task What_is_left_out_is_said()
    {
        using var scratch = new Scratch();
        scratch.Put("many.txt", string.Concat(Enumerable.Repeat("needle\n", 50)));
        File.WriteAllBytes(scratch.On("binary.txt"), [.. "needle"u8, 0, .. "needle"u8]);
        scratch.Put("long.txt", new string('x', 2_500_000) + "needle\n");
        File.WriteAllText(scratch.On("wide.txt"), "one\nneedle two\n", System.Text.Encoding.Unicode);
        scratch.Put("column.txt", new string('x', 5000) + "needle" + new string('y', 5000));

        var found = await SearchAsync(scratch, "needle");
        var cut = await SearchAsync(scratch, "needle", limit: 3);
        var exact = await SearchAsync(scratch, "needle", limit: 53);

        Assert.Equal((2, false), (found.SkippedFiles, found.Truncated));
        Assert.Equal(2, found.Matches.Single(match => match.Path == "wide.txt").Line);
        var column = found.Matches.Single(match => match.Path == "column.txt");
        Assert.Equal((5001, true, 400), (column.Column, column.Cut, column.Text.Length));
        Assert.Contains("needle", column.Text, StringComparison.Ordinal);
        Assert.Equal((3, true, "limit"), (cut.Matches.Count, cut.Truncated, cut.StoppedBy));
        Assert.Equal(found.Matches.Count, exact.Matches.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_search_leads_nowhere_else_while_directories_turn_into_links(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("dir/sub/secret.txt", "mine");
        File.WriteAllText(Path.Join(Directory.CreateDirectory(Path.Join(scratch.Outside, "sub")).FullName, "secret.txt"), Scratch.Foreign);
        Directory.CreateSymbolicLink(scratch.On("link"), scratch.Outside);
        using var stop = new CancellationTokenSource();
        var swaps = Task.Run(() => Swap(scratch, stop.Token), TestContext.Current.CancellationToken);

        var (seen, missed) = (0, 0);
        for (var i = 0; i < Scratch.Races || (i < Scratch.Races * 50 && (seen == 0 || missed == 0)); i++)
        {
            var found = await SearchAsync(scratch, "mine|FOREIGN");
            Assert.All(found.Matches, match => Assert.Equal("mine", match.Text));
            _ = found.Matches.Count > 0 ? seen++ : missed++;
            var tree = DirectoryTree.Read(scratch.Folder, ProjectPath.Root, 3, CancellationToken.None);
            Assert.All(tree.Entries, entry => Assert.True(entry.Size is null or 4, entry.Path));
        }

        await stop.CancelAsync();
        Assert.True(await swaps > 0);
        Assert.True(seen > 0, $"{seen} {missed}");
        Directory.Delete(Path.Join(scratch.Outside, "sub"), recursive: true);
        scratch.AssertForeignUntouched();
    }

    [Fact]
    public async Task Ignore_files_are_honoured_on_request_those_around_the_start_too()
    {
        using var scratch = new Scratch();
        scratch.Put(".gitignore", "*.log\n/out/\n");
        scratch.Put("a/.gitignore", "!keep.log\nsecret*\n");
        foreach (var path in (string[])["a/keep.log", "a/other.log", "a/secret.txt", "a/b/secret2.txt", "a/b/fine.txt", "out/x.txt", ".git/config.txt"])
        {
            scratch.Put(path, "needle");
        }

        var some = await SearchAsync(scratch, "needle", ignore: true);
        var below = await SearchAsync(scratch, "needle", path: "a/b", ignore: true);
        var all = await SearchAsync(scratch, "needle");

        Assert.Equal(["a/b/fine.txt", "a/keep.log"], some.Matches.Select(match => match.Path));
        Assert.Equal(["a/b/fine.txt"], below.Matches.Select(match => match.Path));
        Assert.Equal(7, all.Matches.Count);
    }

    [Fact]
    public async Task A_search_whose_caller_is_gone_stops_and_holds_nothing()
    {
        using var scratch = new Scratch();
        Fill(scratch);
        var folder = scratch.Open(new FolderRules { HardLinks = HardLinks.Read });
        using var gone = new CancellationTokenSource();
        var handles = Handles();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SearchAsync(
            scratch, @"(x|y)+\d\d", folder: folder, cancellationToken: gone.Token, progress: new Immediate(_ => gone.Cancel())).WaitAsync(TimeSpan.FromMinutes(1)));

        Assert.Equal(0, _slots.Busy);
        Assert.True(Handles() <= handles + 20, "Directories or files stayed open.");
    }

    [Fact]
    public async Task A_search_ends_with_its_time_and_says_so()
    {
        using var scratch = new Scratch();
        Fill(scratch);

        var found = await SearchAsync(scratch, @"(x|y)+\d\d", folder: scratch.Open(new FolderRules { HardLinks = HardLinks.Read }), options: new FilesOptions { MaxSearchTime = TimeSpan.FromMilliseconds(300) });

        Assert.Equal((true, "time"), (found.Truncated, found.StoppedBy));
        Assert.Equal(0, _slots.Busy);
    }

    [Fact]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA2025", Justification = "It is awaited below.")]
    public async Task A_second_caller_does_not_wait_for_the_end_of_a_long_search_of_the_first()
    {
        using var scratch = new Scratch();
        Fill(scratch);
        using var small = new Scratch();
        small.Put("a.txt", "needle");
        using var stop = new CancellationTokenSource();
        var folder = scratch.Open(new FolderRules { HardLinks = HardLinks.Read });
        var first = SearchAsync(scratch, @"(x|y)+\d\d", folder: folder, cancellationToken: stop.Token);

        Assert.Single((await SearchAsync(small, "needle")).Matches);

        Assert.False(first.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    public void Dispose() => _slots.Dispose();

    // Much to read at little cost: many names of one file.
    private static void Fill(Scratch scratch)
    {
        scratch.Put("0.txt", string.Concat(Enumerable.Repeat(new string('x', 70) + "\n", 50_000)));
        foreach (var i in Enumerable.Range(1, 3000))
        {
            scratch.HardLink(scratch.On("0.txt"), $"{i}.txt");
        }
    }

    private static int Handles() => Directory.GetFiles("/proc/self/fd").Length;

    private Task<FoundText> SearchAsync(
        Scratch scratch, string pattern, string path = "", int context = 0, int limit = 1000, bool ignore = false, ProjectFolder? folder = null, FilesOptions? options = null,
        IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        var place = new Place(new Project { Id = "p", Slug = "p", Title = "p", Role = "reader", CreatedAt = "", Members = 1 }, folder ?? scratch.Folder, ProjectPath.Root);
        options ??= new FilesOptions { MaxTextBytes = 64 * 1024 * 1024 };
        return new Searches(options, _slots, TimeProvider.System).TextAsync(place, TextQuery.Of(pattern, false, context), path, null, limit, ignore, progress, cancellationToken);
    }

    private static int Swap(Scratch scratch, CancellationToken stop)
    {
        using var root = new SafeFileHandle(LinuxCalls.Open(LinuxCalls.CurrentDirectory, scratch.Root, LinuxCalls.DirectoryOnly, 0), ownsHandle: true);
        var swaps = 0;
        while (!stop.IsCancellationRequested)
        {
            Assert.Equal(0, LinuxCalls.Rename(root, "dir", root, "link", LinuxCalls.RenameExchange));
            swaps++;
        }

        return swaps;
    }

    private sealed class Immediate(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
