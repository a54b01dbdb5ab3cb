using System.Reflection;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>At start: makes the project <c>welcome</c> for the people whom <c>Files:Welcome</c> names.</summary>
internal sealed class Welcome(Projects projects, FilesOptions files, IAudit audit, IConfiguration configuration) : IHostedService
{
    private const string Slug = "welcome";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Opened now: a server that could not record anything should not come up.
        _ = audit;
        if (files.Welcome.Count > 0)
        {
            var issuer = configuration["Auth:Issuers:0:Authority"]!;
            var members = files.Welcome.Select(member => ((IPerson)new Person(issuer, member.Subject, member.Name), Roles.Of(member.Role)));
            await projects.SeedAsync(Slug, "Welcome", members, folder => FillAsync(folder, cancellationToken), cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task FillAsync(ProjectFolder folder, CancellationToken cancellationToken)
    {
        var prefix = $"{typeof(Welcome).Namespace}.{nameof(Welcome)}.";
        var present = folder.List(ProjectPath.Root, int.MaxValue, out _).Select(entry => entry.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var name in Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !present.Contains(name[prefix.Length..])))
        {
            await using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
            using var content = new MemoryStream();
            await stream.CopyToAsync(content, cancellationToken);
            folder.Create(ProjectPath.Parse(name[prefix.Length..]), content.ToArray());
        }
    }
}

/// <summary>A person whom the settings name.</summary>
internal sealed record Person(string Issuer, string Subject, string Name) : IPerson;

