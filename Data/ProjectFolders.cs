using System.Collections.Concurrent;

namespace McpFilesServer.Data;

/// <summary>Where each project's folder is.</summary>
internal sealed class ProjectFolders(string root, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, ProjectFolder> _folders = new(StringComparer.Ordinal);

    /// <summary>Whether the folder of the projects is there.</summary>
    public bool AreThere => Directory.Exists(root);

    /// <summary>The folder of a project. The slug is one that the database gave, never one that a caller sent.</summary>
    public ProjectFolder Of(string slug) => _folders.GetOrAdd(slug, name => new ProjectFolder(Path.Combine(root, name), readOnly: false));

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

    /// <summary>Removes what writes that were cut off by a crash have left.</summary>
    public void SweepTemporaries()
    {
        foreach (var folder in Directory.EnumerateDirectories(root))
        {
            Of(Path.GetFileName(folder)).SweepTemporaries(time.GetUtcNow());
        }
    }
}
