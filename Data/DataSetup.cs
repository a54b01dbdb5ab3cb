using McpFilesServer.Auth;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpFilesServer.Data;

/// <summary>What is kept and fetched: projects, files on disk, the audit, Microsoft Graph.</summary>
internal static class DataSetup
{
    /// <summary>The database of everything but the audit, in <c>Storage:Directory</c>.</summary>
    public const string DatabaseFile = "server.db";

    public static void AddData(this WebApplicationBuilder builder)
    {
        var storage = builder.AddSettings<StorageOptions>();
        var files = builder.AddSettings<FilesOptions>();
        var audit = builder.AddSettings<AuditOptions>();
        builder.AddSettings<WorkspaceOptions>();
        builder.AddSettings<DownstreamOptions>();
        var directory = Path.GetFullPath(storage.Directory, builder.Environment.ContentRootPath);
        var root = files.Root is null ? Path.Combine(directory, "projects") : Path.GetFullPath(files.Root, builder.Environment.ContentRootPath);

        var mounts = Mounted(files, builder.Environment, directory, root);
        var services = builder.Services;
        services.AddSingleton(_ => Make(directory, () => new Database(Path.Combine(directory, DatabaseFile), "Schema")));
        services.AddSingleton(provider => Make(directory, () => new AuditDatabase(
            new Database(AuditFile(directory), "AuditSchema"), new AuditAnchor(Anchor(audit, builder.Environment, directory)), provider.GetRequiredService<TimeProvider>())));
        services.AddSingleton<AuditMetrics>().AddSingleton<Audit>().AddSingleton<IAudit>(provider => provider.GetRequiredService<Audit>()).AddHostedService<AuditKeeper>();
        services.AddSingleton(_ => Make(root, () => new ProjectFolders(root, mounts)));
        // Its keys would go to the home folder of whoever runs the server.
        services.AddDataProtection().SetApplicationName("mcp-files-server").PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(directory, "keys")));
        services.AddSingleton<Projects>().AddSingleton<Members>().AddSingleton<History>().AddSingleton<Workspaces>().AddSingleton<Places>().AddSingleton<Files>().AddSingleton<BytesInFlight>();
        services.AddSingleton<WalkSlots>().AddSingleton<Searches>().AddSingleton<TrashTable>().AddSingleton<Quotas>().AddSingleton<Trash>().AddSingleton<Changes>();
        services.AddSingleton<IRevocations, Revocations>().AddSingleton<IQuestions, Questions>();
        services.AddHostedService(_ => new StorageOwner(directory));
        services.AddHostedService<Welcome>().AddHostedService<Mounts>().AddHostedService<TrashKeeper>().AddHostedService(provider => provider.GetRequiredService<Workspaces>());
        builder.AddGraph();
        services.AddHealthChecks().AddCheck<StorageHealth>("storage", tags: ["ready"]);
    }

    /// <summary>The verification of the audit where the settings say it is, without a server.</summary>
    public static AuditVerification Verification(this WebApplicationBuilder builder)
    {
        var directory = Path.GetFullPath(builder.AddSettings<StorageOptions>().Directory, builder.Environment.ContentRootPath);
        return new AuditVerification(AuditFile(directory), Anchor(builder.AddSettings<AuditOptions>(), builder.Environment, directory));
    }

    /// <summary>
    /// Copies the databases and the anchor into a folder that is not there yet, beside a running server. The audit goes last, so that whatever was done in the one has its
    /// decision in the other; and its anchor before it, because it must never be ahead.
    /// </summary>
    /// <returns>What was written.</returns>
    public static IReadOnlyList<string> BackUp(this WebApplicationBuilder builder, string folder)
    {
        var directory = Path.GetFullPath(builder.AddSettings<StorageOptions>().Directory, builder.Environment.ContentRootPath);
        var audit = builder.AddSettings<AuditOptions>();
        if (Path.Exists(folder))
        {
            throw new IOException($"'{folder}' is there already");
        }

        MakeFolder(folder);
        string[] copies = [Path.Combine(folder, DatabaseFile), Path.Combine(folder, "audit.anchor"), AuditFile(folder)];
        Database.Copy(Path.Combine(directory, DatabaseFile), copies[0]);
        AuditAnchor.Copy(Anchor(audit, builder.Environment, directory), copies[1]);
        Database.Copy(AuditFile(directory), copies[2]);
        return copies;
    }

    private static string AuditFile(string directory) => Path.Combine(directory, "audit.db");

    private static string Anchor(AuditOptions audit, IHostEnvironment environment, string directory) =>
        audit.Anchor is null ? Path.Combine(directory, "audit.anchor") : Path.GetFullPath(audit.Anchor, environment.ContentRootPath);

    /// <exception cref="SettingsException">A mounted folder lies among the server's own.</exception>
    private static Dictionary<string, ProjectFolder> Mounted(FilesOptions files, IHostEnvironment environment, string storage, string root)
    {
        var mounted = new Dictionary<string, ProjectFolder>(StringComparer.Ordinal);
        foreach (var mount in files.Mounts)
        {
            var path = Path.GetFullPath(mount.Path, environment.ContentRootPath).TrimEnd(Path.DirectorySeparatorChar);
            if (MountOptions.IsIn(path, storage) || MountOptions.IsIn(path, root))
            {
                throw new SettingsException($"Files:Mounts: '{mount.Path}' lies in the server's own storage, which no project may show. Mount another folder.");
            }

            mounted.Add(mount.Slug, new ProjectFolder(path, mount.Rules(path, storage, root)));
        }

        return mounted;
    }

    private static void MakeFolder(string directory) => _ = OperatingSystem.IsWindows()
        ? Directory.CreateDirectory(directory)
        : Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    private static T Make<T>(string directory, Func<T> make)
    {
        try
        {
            MakeFolder(directory);
            return make();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Microsoft.Data.Sqlite.SqliteException)
        {
            throw new SettingsException($"Storage:Directory: '{directory}' cannot be used ({e.Message.TrimEnd('.')}). Name a folder that the server may write to.");
        }
    }
}

/// <summary>Ready means: both databases and the folder of the projects take a write.</summary>
internal sealed class StorageHealth(Database database, AuditDatabase audit, ProjectFolders folders) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        await database.TakesWritesAsync(cancellationToken) && await audit.TakesWritesAsync(cancellationToken) && folders.TakeWrites()
            ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy();
}
