using System.Buffers;
using System.Collections.Concurrent;

namespace McpFilesServer.Dev;

/// <summary>The drives of the people in the directory: a folder for each, below the provider's own, so that what was exported is there after a restart.</summary>
internal sealed class Drives(DevOptions options)
{
    private readonly ConcurrentDictionary<string, Lazy<Drive>> _drives = new();

    public Drive Of(string personId) => _drives.GetOrAdd(personId, id => new(() => Open(id))).Value;

    /// <summary>A new file for content that is on its way.</summary>
    public string NewTemporary() => Path.Combine(Directory.CreateDirectory(Path.Combine(options.Directory, "uploads")).FullName, Guid.NewGuid().ToString("N"));

    private Drive Open(string id)
    {
        var root = new DirectoryInfo(Path.Combine(options.Directory, "drives", id));

        if (!root.Exists)
        {
            foreach (var (path, text) in Seeds(People.WithId(id)!))
            {
                var file = new FileInfo(Path.Combine(root.FullName, path));
                file.Directory!.Create();
                File.WriteAllText(file.FullName, text);
            }
        }

        return new Drive(root);
    }

    private static IEnumerable<(string Path, string Text)> Seeds(Person person) =>
    [
        ($"{person.DisplayName}'s notes.txt", $"What {person.DisplayName} wanted to remember: the pattern is one gateway, minimal scopes, and a token for each service.\n"),
        ("Documents/travel.md", "# Travel\n\n- Monday: train to Lyon\n- Tuesday: the workshop\n- Wednesday: back\n"),
        ("Documents/budget 2026 (50%).csv", "month,planned,spent\nJanuary,1200,1180\nFebruary,1200,1425\n"),
        ("Documents/Archive/old plan.txt", "Nobody needs this any more.\n"),
        ($"{Drive.Busy}/patience.txt", "Graph asked to wait, and the server did.\n"),
    ];
}

/// <summary>One person's drive. Names are as OneDrive has them: their case is kept, and does not make a difference.</summary>
internal sealed class Drive(DirectoryInfo root)
{
    /// <summary>A folder for trying out what happens when Graph is busy: every other request about something in it is put off for a second.</summary>
    public const string Busy = "Busy";

    private static readonly SearchValues<char> Refused = SearchValues.Create("\"*:<>?/\\|");

    private int _askedOfBusy;

    public bool IsThrottled(string path) => path.Split('/')[0] == Busy && Interlocked.Increment(ref _askedOfBusy) % 2 == 1;

    /// <summary>Whether something could be called so.</summary>
    public static bool IsPath(string path) => path.Length is > 0 and <= 400 && path.Split('/').All(name =>
        name.Length > 0 && !name.AsSpan().ContainsAny(Refused) && !name.Any(char.IsControl) && name[^1] is not ('.' or ' ') && name[0] is not ' ');

    /// <summary>What is at a path, if something is; the drive itself for an empty one.</summary>
    public FileSystemInfo? Find(string path)
    {
        FileSystemInfo? found = root;

        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            found = (found as DirectoryInfo)?.EnumerateFileSystemInfos().FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase));
        }

        return found;
    }

    public static IEnumerable<FileSystemInfo> Children(DirectoryInfo folder) => folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Gives complete content its name, and makes the folders around it. Nothing when something has the name already.</summary>
    public FileInfo? Place(string temporary, string path)
    {
        if (Find(path) is not null)
        {
            return null;
        }

        var folder = root;

        foreach (var name in path.Split('/')[..^1])
        {
            var there = folder.EnumerateFileSystemInfos().FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase));

            if (there is FileInfo)
            {
                return null;
            }

            folder = there as DirectoryInfo ?? folder.CreateSubdirectory(name);
        }

        try
        {
            var target = Path.Combine(folder.FullName, path.Split('/')[^1]);
            File.Move(temporary, target, overwrite: false);

            return new FileInfo(target);
        }
        catch (IOException) when (Find(path) is not null)
        {
            return null;
        }
    }
}
