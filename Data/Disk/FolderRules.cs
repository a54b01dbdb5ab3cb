using System.IO.Enumeration;

namespace McpFilesServer.Data;

/// <summary>What may be done to files that have several names. Such a file may be somebody else's under another name.</summary>
internal enum HardLinks
{
    /// <summary>They answer as if they were not there.</summary>
    Hidden,

    /// <summary>They are read and never written: for directories that other programs fill.</summary>
    Read,

    /// <summary>They are read and replaced; the other names keep the old content.</summary>
    Write,
}

/// <summary>What may be done in a project's directory, and what of it can be seen.</summary>
internal sealed record FolderRules
{
    /// <summary>True to refuse every change.</summary>
    public bool ReadOnly { get; init; }

    public HardLinks HardLinks { get; init; }

    /// <summary>Names that do not exist here, at any depth; <c>*</c> and <c>?</c> stand for anything. Upper and lower case are alike.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>Directories, '/'-separated, that do not exist here with all that is in them: the server's own storage, when it lies inside.</summary>
    public IReadOnlyList<string> Hidden { get; init; } = [];

    /// <summary>True to do on Linux without openat2, as on an old kernel.</summary>
    public bool WithoutOpenAt2 { get; init; }

    /// <summary>True to do without exchanging two files in one step, as on a file system that does not offer it.</summary>
    public bool WithoutExchange { get; init; }

    /// <summary>Whether a path, or a directory that it goes through, does not exist as far as callers know.</summary>
    public bool Hides(ProjectPath path) =>
        (Ignore.Count > 0 && path.Components.Any(Ignores))
        || (Hidden.Count > 0 && Hidden.Any(hidden => $"{path.Text}/".StartsWith($"{hidden}/", StringComparison.OrdinalIgnoreCase)));

    /// <summary>Whether something hidden lies in a directory, however deep: what is moved with the directory would be moved, too.</summary>
    public bool HidesSomethingIn(ProjectPath directory) =>
        Hidden.Any(hidden => directory.IsRoot || $"{hidden}/".StartsWith($"{directory.Text}/", StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether one name is on the list.</summary>
    public bool Ignores(string name) => Ignores(name.AsSpan());

    /// <summary>Whether one name is on the list.</summary>
    public bool Ignores(ReadOnlySpan<char> name)
    {
        foreach (var pattern in Ignore)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, name))
            {
                return true;
            }
        }

        return false;
    }
}
