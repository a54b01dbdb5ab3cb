namespace McpFilesServer.Data;

/// <summary>A folder that exists already and is served as a project: <c>Files:Mounts:N</c>.</summary>
internal sealed class MountOptions
{
    /// <summary>The project's slug: small letters, digits and hyphens, at most 64.</summary>
    public string Slug { get; set; } = "";

    /// <summary>The folder. Its last component must not be a link.</summary>
    public string Path { get; set; } = "";

    /// <summary>The project's title, for people to read. Default: the slug.</summary>
    public string? Title { get; set; }

    /// <summary>The subject, of issuer 0, of the person who owns the project.</summary>
    public string Owner { get; set; } = "";

    /// <summary>Whether every change is refused.</summary>
    public bool ReadOnly { get; set; }

    /// <summary>Whether a file with several names (hard links) may be changed; its other names keep the old content. Such a file can be read in any case.</summary>
    public bool WriteHardLinks { get; set; }

    /// <summary>
    /// Names that do not exist as far as callers know, at any depth; <c>*</c> and <c>?</c> stand for anything, upper and lower case are alike. Default: what
    /// holds secrets or the insides of version control. A list that is set replaces the default.
    /// </summary>
    public IList<string>? Ignore { get; set; }

    /// <summary>What <see cref="Ignore"/> is when nothing is set.</summary>
    public static IReadOnlyList<string> DefaultIgnore { get; } =
    [
        ".git", ".hg", ".svn", ".jj", ".env", ".env.*", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".npmrc", ".netrc", ".pypirc", ".git-credentials",
        "*.pem", "*.key", "*.pfx", "*.p12", "*.jks", "*.keystore", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "secrets.json",
    ];

    public IEnumerable<string> Problems(string name, IHostEnvironment environment)
    {
        if (Slug.Length is 0 or > 64 || Slug.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-'))
        {
            yield return $"{name}:Slug '{Slug}' must be small letters, digits and hyphens, at most 64.";
        }

        if (Path.Length == 0 || !Directory.Exists(System.IO.Path.GetFullPath(Path, environment.ContentRootPath)))
        {
            yield return $"{name}:Path '{Path}' is not a folder. Create it, or correct the setting.";
        }

        if (Owner.Length == 0)
        {
            yield return $"{name}:Owner must be the subject of the person who owns the project, as the first issuer says it.";
        }
    }

    /// <summary>What of the folder can be seen and done.</summary>
    /// <param name="path">The folder, in full.</param>
    /// <param name="own">The server's own folders in full, which no project shows even when they lie inside this one.</param>
    public FolderRules Rules(string path, params IEnumerable<string> own) => new()
    {
        ReadOnly = ReadOnly,
        HardLinks = WriteHardLinks ? HardLinks.Write : HardLinks.Read,
        Ignore = Ignore is null ? DefaultIgnore : [.. Ignore],
        Hidden = [.. own.Select(folder => Inside(Real(path), Real(folder))).OfType<string>()],
    };

    /// <summary>Whether a folder is the other one, or lies in it.</summary>
    public static bool IsIn(string folder, string other) => Inside(Real(other), Real(folder)) is not null;

    /// <summary>Where a folder lies in another one, '/'-separated; empty when they are the same, null when it does not.</summary>
    private static string? Inside(string outer, string inner) => System.IO.Path.GetRelativePath(outer, inner) switch
    {
        "." => "",
        var way when way == ".." || way.StartsWith($"..{System.IO.Path.DirectorySeparatorChar}", StringComparison.Ordinal) || System.IO.Path.IsPathRooted(way) => null,
        var way => way.Replace('\\', '/'),
    };

    /// <summary>The path without a link in it, as far as it exists: two names of one folder must not hide that it is one.</summary>
    private static string Real(string path)
    {
        var real = System.IO.Path.GetPathRoot(path)!;
        foreach (var component in path[real.Length..].Split(System.IO.Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            real = System.IO.Path.Combine(real, component);
            real = Directory.Exists(real) && Directory.ResolveLinkTarget(real, returnFinalTarget: true) is { } target ? Real(target.FullName) : real;
        }

        return real;
    }
}
