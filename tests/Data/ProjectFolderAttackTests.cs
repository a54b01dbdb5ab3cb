using System.Diagnostics;
using System.Net.Sockets;
using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>Block F of the attacks: what somebody with access to the disk, or luck with a name, may plant in a project.</summary>
public sealed class ProjectFolderAttackTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_link_in_any_position_is_nothing(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("inside/file.txt", "mine");
        Directory.CreateSymbolicLink(scratch.On("absolute"), scratch.Outside);
        Directory.CreateSymbolicLink(scratch.On("relative"), "../outside");
        Directory.CreateSymbolicLink(scratch.On("chain"), "absolute");
        Directory.CreateSymbolicLink(scratch.On("to-inside"), "inside");
        Directory.CreateSymbolicLink(scratch.On("inside/up"), "..");
        Directory.CreateSymbolicLink(scratch.On("loop"), "loop");
        Directory.CreateSymbolicLink(scratch.On("proc"), "/proc/self");
        Directory.CreateSymbolicLink(scratch.On("magic"), "/proc/self/root");
        File.CreateSymbolicLink(scratch.On("file"), Path.Join(scratch.Outside, "secret.txt"));
        File.CreateSymbolicLink(scratch.On("file-inside"), "inside/file.txt");
        File.CreateSymbolicLink(scratch.On("dangling"), Path.Join(scratch.Outside, "new.txt"));

        string[] links =
        [
            "absolute", "absolute/secret.txt", "relative/secret.txt", "chain/secret.txt", "to-inside/file.txt", "inside/up/inside/file.txt", "loop",
            "proc/environ", "magic/etc/passwd", "file", "file-inside", "dangling", "absolute/sub/new.txt",
        ];
        Assert.All(links, path =>
        {
            var nothing = $"There is no file or directory at '{path}'.";
            Assert.Equal(nothing, scratch.Refusal(() => scratch.Read(path)));
            Assert.Equal(nothing, scratch.Refusal(() => scratch.Describe(path)));
            Assert.Equal(nothing, scratch.Refusal(() => scratch.Replace(path, "x", "x")));
            scratch.Refusal(() => scratch.Create(path, "x"));
            scratch.Refusal(() => scratch.List(path));
        });
        scratch.Refusal(() => scratch.Create("absolute/planted.txt", "x"));
        Assert.Equal(["inside"], scratch.List());
        Assert.Equal(["inside/file.txt"], scratch.List("inside"));
        scratch.AssertForeignUntouched();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_with_a_second_name_is_nothing_unless_the_folder_allows_reading_it(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.HardLink(Path.Join(scratch.Outside, "secret.txt"), "stolen.txt");

        scratch.Refusal(() => scratch.Read("stolen.txt"));
        scratch.Refusal(() => scratch.Describe("stolen.txt"));
        scratch.Refusal(() => scratch.Create("stolen.txt", "x"));
        scratch.Refusal(() => scratch.Replace("stolen.txt", "x", "x"));
        Assert.Empty(scratch.List());

        var permissive = scratch.Open(new FolderRules { HardLinks = HardLinks.Read });
        using (var opened = permissive.OpenRead(ProjectPath.Parse("stolen.txt")))
        {
            Assert.Equal(Scratch.Foreign.Length, opened.Entry.Size);
            scratch.Refusal(() => Scratch.Replace(permissive, "stolen.txt", [1], opened.Entry.Etag!));
        }

        scratch.AssertForeignUntouched();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_no_file_is_nothing_and_nobody_waits_for_it(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.MakeFifo("fifo");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(scratch.On("socket")));
        var watch = Stopwatch.StartNew();

        Assert.All(["fifo", "socket", "fifo/x", "socket/x"], path =>
        {
            Assert.Equal($"There is no file or directory at '{path}'.", scratch.Refusal(() => scratch.Read(path)));
            scratch.Refusal(() => scratch.Describe(path));
            scratch.Refusal(() => scratch.List(path));
            scratch.Refusal(() => scratch.Create(path, "x"));
            scratch.Refusal(() => scratch.Replace(path, "x", "x"));
        });

        Assert.Empty(scratch.List());
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }

    // /proc and /dev are full of what a project must not have; a folder that an operator puts there by mistake still shows only files.
    [Theory]
    [InlineData("/dev", "null", false)]
    [InlineData("/dev", "zero", true)]
    [InlineData("/proc", "self/environ", false)]
    [InlineData("/proc", "self/environ", true)]
    [InlineData("/proc/self", "root/etc/passwd", false)]
    [InlineData("/proc/self", "cwd", true)]
    [InlineData("/proc/self/fd", "0", false)]
    [InlineData("/", "proc/version", false)]
    [InlineData("/", "proc/version", true)]
    public void Devices_links_of_the_kernel_and_other_mounts_are_nothing(string root, string path, bool walk)
    {
        var folder = new ProjectFolder(root, new FolderRules { ReadOnly = true, WithoutOpenAt2 = walk });

        var sentence = Assert.Throws<ProblemException>(() => folder.OpenRead(ProjectPath.Parse(path))).Message;

        Assert.Equal($"There is no file or directory at '{path}'.", sentence);
        Assert.Throws<ProblemException>(() => folder.Describe(ProjectPath.Parse(path)));
    }

    [Fact]
    public void A_mount_is_not_listed()
    {
        var folder = new ProjectFolder("/", new FolderRules { ReadOnly = true });

        Assert.DoesNotContain(folder.List(ProjectPath.Root, 1000, out _), entry => entry.Path is "proc" or "sys" or "dev");
    }

    [Fact]
    public void A_listing_hides_what_no_caller_may_name()
    {
        using var scratch = new Scratch();
        string[] hidden = [".mcp-tmp-1", ".MCP-x", "CON", "nul.txt", "a.", "a ", " a", "a\\b", "a:b", "a\u202Eb", "a\nb", "a\u200B", "e\u0301"];
        foreach (var name in hidden)
        {
            File.WriteAllText(scratch.On(name), "x");
        }

        scratch.MakeFileWithInvalidName();
        scratch.Put("shown.txt", "x");

        Assert.Equal(["shown.txt"], scratch.List());
        Assert.Equal(hidden.Length + 2, scratch.Everything().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_directory_that_keeps_turning_into_a_link_never_leads_outside(bool walk)
    {
        using var scratch = new Scratch(walk);
        scratch.Put("dir/secret.txt", "mine");
        Directory.CreateSymbolicLink(scratch.On("link"), scratch.Outside);
        using var stop = new CancellationTokenSource();
        var swaps = Task.Run(() => scratch.KeepSwapping(stop.Token), TestContext.Current.CancellationToken);

        var (read, refused) = (0, 0);
        for (var i = 0; i < Scratch.Races || (i < Scratch.Races * 100 && (read == 0 || refused == 0)); i++)
        {
            var fresh = $"dir/new-{i}";
            (_, _) = (Try(() => scratch.Create(fresh, "mine")), Try(() => Overwrite(scratch)));
            Try(() => Assert.All(scratch.List("dir"), path => Assert.StartsWith("dir/", path, StringComparison.Ordinal)));
            if (Try(() => Assert.StartsWith("mine", scratch.Read("dir/secret.txt"), StringComparison.Ordinal)))
            {
                read++;
            }
            else
            {
                refused++;
            }
        }

        await stop.CancelAsync();
        Assert.True(await swaps > 0);
        Assert.True(read > 0 && refused > 0, $"The race did not happen: {read} reads, {refused} refusals.");
        Assert.DoesNotContain(scratch.Everything(), path => Path.GetFileName(path).StartsWith(TemporaryFile.Prefix, StringComparison.Ordinal));
        scratch.AssertForeignUntouched();
    }

    private static void Overwrite(Scratch scratch) =>
        scratch.Replace("dir/secret.txt", "mine again", scratch.Describe("dir/secret.txt").Etag!);

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
