namespace McpFilesServer.Data;

/// <summary>At start: makes a project of each folder that <c>Files:Mounts</c> names.</summary>
internal sealed class Mounts(Projects projects, FilesOptions files, IConfiguration configuration) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var issuer = configuration["Auth:Issuers:0:Authority"] ?? "";
        try
        {
            await projects.MountAsync([.. files.Mounts.Select(mount => (mount.Slug, mount.Title ?? mount.Slug, (IPerson)new Person(issuer, mount.Owner, mount.Owner)))], cancellationToken);
        }
        catch (ProblemException e)
        {
            throw new SettingsException(e.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
