using System.Runtime.InteropServices;
using System.Text;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>
/// A project and a foreign directory beside it, on a real disk. Every test runs twice on Linux: with openat2, and as on a kernel without it; what
/// replaces a file also as on a file system that cannot exchange two files.
/// </summary>
internal sealed class Scratch : IDisposable
{
    public const string Foreign = "FOREIGN CONTENT";

    private readonly string _base = Directory.CreateTempSubdirectory("mcp-files-").FullName;
    private readonly bool _walk;
    private readonly bool _copy;

    public Scratch(bool walk = false, bool copy = false)
    {
        (_walk, _copy) = (walk, copy);
        Folder = Open();
        Folder.CreateRoot();
        Directory.CreateDirectory(Outside);
        File.WriteAllText(Path.Join(Outside, "secret.txt"), Foreign);
    }

    public string Root => Path.Join(_base, "project");

    public string Outside => Path.Join(_base, "outside");

    public ProjectFolder Folder { get; }

    /// <summary>How many times a race is tried.</summary>
    public static int Races => 300 * Scale.Factor;

    public ProjectFolder Open(FolderRules? rules = null) => new(Root, (rules ?? new FolderRules()) with { WithoutOpenAt2 = _walk, WithoutExchange = _copy });

    public string On(string path) => Path.Join(Root, path);

    public void Put(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(On(path))!);
        File.WriteAllText(On(path), content);
    }

    public string Read(string path)
    {
        using var opened = Folder.OpenRead(ProjectPath.Parse(path));
        using var reader = new StreamReader(opened.AsStream());
        return reader.ReadToEnd();
    }

    public FileEntry Create(string path, string content) => Folder.Create(ProjectPath.Parse(path), Encoding.UTF8.GetBytes(content));

    public FileEntry Replace(string path, string content, string etag) => Replace(Folder, path, Encoding.UTF8.GetBytes(content), etag);

    public static FileEntry Replace(ProjectFolder folder, string path, byte[] content, string etag)
    {
        var old = folder.Changeable(ProjectPath.Parse(path), etag);
        using var staged = folder.Stage(ProjectPath.Parse(path));
        Assert.Equal(DiskFault.None, staged.Append(content));
        Assert.Equal(DiskFault.None, staged.Finish(old));
        return folder.Replace(staged, ProjectPath.Parse(path), etag);
    }

    public FileEntry Describe(string path) => Folder.Describe(ProjectPath.Parse(path));

    public IReadOnlyList<string> List(string path = "", int max = 1000) =>
        [.. Folder.List(ProjectPath.Parse(path), max, out _).Select(entry => entry.Path)];

    /// <summary>What an operation is refused with. It must never say where on the server's disk anything is.</summary>
    public string Refusal(Action operation)
    {
        var sentence = Assert.ThrowsAny<ProblemException>(operation).Message;
        Assert.DoesNotContain(_base, sentence, StringComparison.Ordinal);
        Assert.True(sentence.Length < 320, sentence);
        return sentence;
    }

    /// <summary>The names of everything under the project, as the disk has them.</summary>
    public IEnumerable<string> Everything() => Directory
        .EnumerateFileSystemEntries(Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
        .Select(path => Path.GetRelativePath(Root, path)).Where(path => path is not (".mcp-trash" or ".mcp-trash/.gitignore"));

    /// <summary>The names of everything that is not in the project's own directory.</summary>
    public IEnumerable<string> Shown() => Everything().Where(path => !path.StartsWith(".mcp-trash/", StringComparison.Ordinal));

    public void AssertForeignUntouched()
    {
        Assert.Equal(["secret.txt"], Directory.GetFileSystemEntries(Outside).Select(Path.GetFileName));
        Assert.Equal(Foreign, File.ReadAllText(Path.Join(Outside, "secret.txt")));
    }

    /// <summary>Exchanges the directory <c>dir</c> with the link <c>link</c>, over and over.</summary>
    public int KeepSwapping(CancellationToken stop)
    {
        using var root = new SafeFileHandle(
            LinuxCalls.Open(LinuxCalls.CurrentDirectory, Root, LinuxCalls.DirectoryOnly, 0), ownsHandle: true);
        var swaps = 0;
        while (!stop.IsCancellationRequested)
        {
            Assert.Equal(0, LinuxCalls.Rename(root, "dir", root, "link", LinuxCalls.RenameExchange));
            swaps++;
        }

        return swaps;
    }

    public void HardLink(string target, string name)
    {
        using var root = new SafeFileHandle(LinuxCalls.Open(LinuxCalls.CurrentDirectory, "/", LinuxCalls.PathOnly, 0), true);
        Assert.Equal(0, LinuxCalls.Link(root, target[1..], root, On(name)[1..], 0));
    }

    public void MakeFifo(string name) => Assert.Equal(0, NativeMethods.MakeFifo(Encoding.UTF8.GetBytes(On(name) + "\0"), 0x1FF));

    /// <summary>A file whose name is no UTF-8, which .NET itself can neither make nor remove.</summary>
    public void MakeFileWithInvalidName() => Assert.Equal(0, NativeMethods.MakeFile(InvalidName, 0x8000 | 0x180, 0));

    public void Dispose()
    {
        _ = NativeMethods.Unlink(InvalidName);
        Directory.Delete(_base, recursive: true);
    }

    private byte[] InvalidName => [.. Encoding.UTF8.GetBytes(On("bad-")), 0xFF, 0];

    private static class NativeMethods
    {
        [DllImport("libc", EntryPoint = "mknod", ExactSpelling = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int MakeFile(byte[] path, uint mode, ulong device);

        [DllImport("libc", EntryPoint = "unlink", ExactSpelling = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Unlink(byte[] path);

        [DllImport("libc", EntryPoint = "mkfifo", ExactSpelling = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int MakeFifo(byte[] path, uint mode);
    }
}
