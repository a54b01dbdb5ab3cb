using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tools;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;
using Role = McpFilesServer.Data.Role;

namespace McpFilesServer.Tests.Host;

/// <summary>What the tool of this class has shredded, and what makes the question about it another one.</summary>
internal sealed class Shreds
{
    private int _runs;

    /// <summary>How often it ran.</summary>
    public int Runs => _runs;

    /// <summary>The version of what it would shred.</summary>
    public string Version { get; set; } = "1";

    public void Shred() => Interlocked.Increment(ref _runs);

    /// <summary>Puts the tools into a server.</summary>
    public void AddTo(IServiceCollection services) => services.AddSingleton(this).AddMcpServer().With<ShredderTools>();
}

/// <summary>Tools that only tests register: they ask before they do anything, and count how often they did.</summary>
internal sealed class ShredderTools(Shreds shreds, Projects projects, Caller caller)
{
    [McpServerTool(Name = "shred", Title = "Shred", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = false)]
    [RequiresScope(Scopes.FilesDelete)]
    [AsksHuman<ShredQuestion>]
    [Description("Shreds something for good.")]
    public async Task<string> ShredAsync(
        [Description(Arguments.Project)] string project,
        [Description("What to shred.")] string what,
        [Description("How many."), Range(1, 100)] int count = 1,
        [Description("More names.")] IReadOnlyList<string>? more = null,
        CancellationToken cancellationToken = default)
    {
        projects.Find(caller, project, Role.Editor);
        shreds.Shred();
        return $"shredded {what} {count} {more?.Count}";
    }

    [McpServerTool(Name = "shred_abroad", Title = "Shred abroad", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = true)]
    [RequiresScope(Scopes.FilesDelete)]
    [Downstream(Graph.Resource, "User.ReadBasic.All")]
    [AsksHuman<ShredQuestion>]
    [Description("Shreds something elsewhere for good.")]
    public string ShredAbroad([Description(Arguments.Project)] string project, [Description("What to shred.")] string what)
    {
        shreds.Shred();
        return $"shredded abroad {project} {what}";
    }

    [McpServerTool(Name = "shred_all", Title = "Shred all", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = false)]
    [RequiresScope(Scopes.FilesDelete)]
    [AsksHuman<ShredQuestion>]
    [Description("Shreds everything for good.")]
    public string ShredAll(
        [Description(Arguments.Project)] string project,
        [Description("What to shred.")] string what,
        [Description("How many."), Range(1, 100)] int count = 1)
    {
        shreds.Shred();
        return $"shredded all {project} {what} {count}";
    }
}

internal sealed class ShredQuestion(Shreds shreds, Projects projects, Caller caller) : IQuestion
{
    public async Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken)
    {
        var project = projects.Find(caller, arguments["project"].GetString()!, Role.Editor);
        var count = arguments.TryGetValue("count", out var given) ? given.GetInt32() : 1;
        return new Question($"Shred {count} of {arguments["what"].GetString()!} in the project {project.Title} for good. This cannot be undone.", shreds.Version);
    }
}
