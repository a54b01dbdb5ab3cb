using System.Collections.Concurrent;

namespace McpFilesServer.Data;

/// <summary>Where each project's folder is: below one root, or where it is mounted.</summary>
/// <param name="root">The folder of the projects' folders.</param>
/// <param name="mounts">The folders of mounted projects, by slug.</param>
internal sealed class ProjectFolders(string root, IReadOnlyDictionary<string, ProjectFolder> mounts)
{
    private readonly ConcurrentDictionary<string, ProjectFolder> _folders = new(mounts, StringComparer.Ordinal);

    /// <summary>Whether the folder of the projects is there.</summary>
    public bool AreThere => Directory.Exists(root);

    /// <summary>Whether the folder of the projects takes a new file.</summary>
    public bool TakeWrites()
    {
        HeldDirectory? held = null;
        try
        {
            return HeldDirectory.OpenRoot(root, withoutOpenAt2: false, out held) == DiskFault.None && TakesWrites(held!);
        }
        finally
        {
            held?.Dispose();
        }
    }

    private static bool TakesWrites(HeldDirectory held)
    {
        const string Name = ".ready";
        // Left by a server that ended in between.
        _ = held.Remove(Name);
        var fault = held.CreateFile(Name, UnixFileMode.UserRead | UnixFileMode.UserWrite, out var handle);
        handle?.Dispose();
        return fault == DiskFault.None && held.Remove(Name) == DiskFault.None;
    }

    /// <summary>Whether a project is a mounted folder, which this server did not make.</summary>
    public bool IsMounted(string slug) => mounts.ContainsKey(slug);

    /// <summary>The folder of a project. The slug is one that the database gave, never one that a caller sent.</summary>
    public ProjectFolder Of(string slug) => _folders.GetOrAdd(slug, name => new ProjectFolder(Path.Combine(root, name), new FolderRules()));

    /// <summary>Makes the empty folder of a new project.</summary>
    /// <exception cref="ProblemException">It could not be made, or the folder that it belongs into is gone.</exception>
    public void Create(string slug)
    {
        if (!AreThere)
        {
            throw new ProblemException("The server's storage is not available. Tell its operator.");
        }

        Of(slug).CreateRoot();
    }

    /// <summary>All projects that have a folder, by slug.</summary>
    public IEnumerable<string> Slugs => Directory.EnumerateDirectories(root).Select(folder => Path.GetFileName(folder)).Concat(mounts.Keys);
}
