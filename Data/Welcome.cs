using System.Reflection;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>At start: sweeps what a crash left, and makes the project <c>welcome</c> for the people whom <c>Files:Welcome</c> names.</summary>
internal sealed class Welcome(Projects projects, ProjectFolders folders, FilesOptions files, IAudit audit, IConfiguration configuration) : IHostedService
{
    private const string Slug = "welcome";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Opened now: a server that could not record anything should not come up.
        _ = audit;
        folders.SweepTemporaries();
        var issuer = configuration["Auth:Issuers:0:Authority"]!;
        if (files.Welcome.Count == 0 || !await projects.SeedAsync(
            Slug, "Welcome", files.Welcome.Select(member => ((IPerson)new Person(issuer, member.Subject, member.Name), Enum.Parse<Role>(member.Role, ignoreCase: true))), cancellationToken))
        {
            return;
        }

        var prefix = $"{typeof(Welcome).Namespace}.{nameof(Welcome)}.";
        foreach (var name in Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            await using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
            using var content = new MemoryStream();
            await stream.CopyToAsync(content, cancellationToken);
            folders.Of(Slug).Create(ProjectPath.Parse(name[prefix.Length..]), content.ToArray());
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private sealed record Person(string Issuer, string Subject, string Name) : IPerson;
}
