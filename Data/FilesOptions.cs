namespace McpFilesServer.Data;

/// <summary>Section <c>Files</c>: where projects live, and how much of a file is given at once.</summary>
internal sealed class FilesOptions : ISettings
{
    public static string Section => "Files";

    /// <summary>The folder of the project folders. Default: <c>projects</c> below <c>Storage:Directory</c>. A folder that is named here must exist.</summary>
    public string? Root { get; set; }

    /// <summary>The most text that one call gives or takes, in bytes of the file. What a call takes is also bounded by <c>Mcp:MaxRequestBytes</c>.</summary>
    public int MaxTextBytes { get; set; } = 1024 * 1024;

    /// <summary>The largest file that one call gives as it is (an image, a recording, anything that is not text), in bytes.</summary>
    public int MaxMediaBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// Bytes of files that are on their way to clients at once, all calls together; an answer takes a few times its share of memory while it is written. A read
    /// waits until there is room, and is refused when there is none in the time of a call.
    /// </summary>
    public int MaxBytesInFlight { get; set; } = 256 * 1024 * 1024;

    /// <summary>How long one search may take. What it has found by then is given, and said to be not all.</summary>
    public TimeSpan MaxSearchTime { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How many projects a person may own, archived ones included.</summary>
    public int ProjectsPerOwner { get; set; } = 200;

    /// <summary>The largest file that one call copies, makes by appending, imports or exports, in bytes.</summary>
    public long MaxFileBytes { get; set; } = 100 * 1024 * 1024;

    /// <summary>How much a project may hold.</summary>
    public QuotaOptions Quota { get; set; } = new();

    /// <summary>How long a project's trash keeps things.</summary>
    public TrashOptions Trash { get; set; } = new();

    /// <summary>Folders that exist already and are served as projects.</summary>
    public IList<MountOptions> Mounts { get; set; } = [];

    /// <summary>People of the project <c>welcome</c>, which is made at the first start when somebody is named here. For Development.</summary>
    public IList<WelcomeMember> Welcome { get; set; } = [];

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (Root is not null && !System.IO.Directory.Exists(Path.GetFullPath(Root, environment.ContentRootPath)))
        {
            yield return $"Files:Root '{Root}' does not exist. Create the folder, or remove the setting.";
        }

        if (MaxTextBytes is < 1024 or > 64 * 1024 * 1024)
        {
            yield return "Files:MaxTextBytes must be between 1024 and 67108864 bytes.";
        }

        if (ProjectsPerOwner < 1)
        {
            yield return "Files:ProjectsPerOwner must be at least 1.";
        }

        if (MaxMediaBytes is < 1024 or > 64 * 1024 * 1024)
        {
            yield return "Files:MaxMediaBytes must be between 1024 and 67108864 bytes.";
        }

        if (MaxBytesInFlight < Math.Max(MaxTextBytes, MaxMediaBytes))
        {
            yield return "Files:MaxBytesInFlight must be at least Files:MaxTextBytes and Files:MaxMediaBytes.";
        }

        if (MaxSearchTime < TimeSpan.FromSeconds(1) || MaxSearchTime > TimeSpan.FromMinutes(5))
        {
            yield return "Files:MaxSearchTime must be between 00:00:01 and 00:05:00.";
        }

        if (MaxFileBytes < MaxTextBytes)
        {
            yield return "Files:MaxFileBytes must be at least Files:MaxTextBytes.";
        }

        if (Quota.Bytes < 1 || Quota.Files < 1)
        {
            yield return "Files:Quota:Bytes and Files:Quota:Files must be at least 1.";
        }

        if (Trash.Versions < 1 || Trash.Days is < 1 or > 36_500)
        {
            yield return "Files:Trash:Versions must be at least 1, and Files:Trash:Days between 1 and 36500.";
        }

        foreach (var problem in Mounts.SelectMany((mount, i) => mount.Problems($"Files:Mounts:{i}", environment)))
        {
            yield return problem;
        }

        if (Mounts.GroupBy(mount => mount.Slug, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            yield return $"Files:Mounts has two folders with the Slug '{twice.Key}'. Rename one.";
        }

        if (Welcome.Count > 0 && !environment.IsDevelopment())
        {
            yield return $"Files:Welcome makes a project for people of the development provider. Remove it in {environment.EnvironmentName}.";
        }
        else if (Welcome.FirstOrDefault(member => member.Role is not ("owner" or "editor" or "reader") || member.Subject.Length == 0) is { } wrong)
        {
            yield return $"Files:Welcome has a member '{wrong.Name}' without a subject, or with a role that is not owner, editor or reader.";
        }
    }
}

/// <summary>Section <c>Files:Quota</c>: how much a project may hold, its trash included. Of a mounted folder only the trash and what this server adds counts.</summary>
internal sealed class QuotaOptions
{
    /// <summary>Bytes of all files together.</summary>
    public long Bytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>Files and directories.</summary>
    public long Files { get; set; } = 100_000;
}

/// <summary>Section <c>Files:Trash</c>: when something in the trash is removed for good.</summary>
internal sealed class TrashOptions
{
    /// <summary>How many replaced versions of one path are kept; the oldest go first.</summary>
    public int Versions { get; set; } = 20;

    /// <summary>After how many days anything in the trash goes.</summary>
    public int Days { get; set; } = 30;
}

/// <summary>A member of the seeded project.</summary>
internal sealed class WelcomeMember
{
    /// <summary>The subject, of issuer 0.</summary>
    public string Subject { get; set; } = "";

    public string Name { get; set; } = "";

    public string Role { get; set; } = "reader";
}
