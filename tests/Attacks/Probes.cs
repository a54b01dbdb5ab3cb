using System.Collections.Concurrent;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// Tools, prompts and resources that only the attacked server has. They do nothing but remember which request made them run, so that
/// a test can say "nothing happened" of its own request while others run beside it.
/// </summary>
internal sealed class Probes
{
    private readonly ConcurrentQueue<(string Trace, string Probe)> _runs = new();

    /// <summary>What ran for the request with this trace.</summary>
    public IEnumerable<string> Of(string trace) => _runs.Where(run => run.Trace == trace).Select(run => run.Probe);

    public void Ran(IHttpContextAccessor http, string probe) => _runs.Enqueue((TraceOf(http.HttpContext!), probe));

    /// <summary>Puts the probes into a server.</summary>
    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton(this);
        services.AddSingleton(provider => McpServerTool.Create(Read, Declared.Tool("probe_read", provider)));
        services.AddSingleton(provider => McpServerTool.Create(Write, Declared.Tool("probe_write", provider)));
        services.AddSingleton(provider => McpServerTool.Create(Delete, Declared.Tool("probe_delete", provider)));
        services.AddSingleton(provider => McpServerTool.Create(WhoAmI, Declared.Tool("probe_who", provider)));
        services.AddSingleton(provider => McpServerPrompt.Create(Prompt, new() { Services = provider, Name = "probe_prompt" }));
        services.AddSingleton(provider => McpServerResource.Create(Secret, new() { Services = provider, UriTemplate = "probe://secret/fixed", Name = "probe_secret" }));
        services.AddSingleton(provider => McpServerResource.Create(Open, new() { Services = provider, UriTemplate = "probe://open/{id}", Name = "probe_open" }));
        services.Configure<McpServerOptions>(options => options.Handlers.CompleteHandler = (request, _) =>
        {
            Ran(request.Services!.GetRequiredService<IHttpContextAccessor>(), "completion");
            return ValueTask.FromResult(new CompleteResult { Completion = new Completion { Values = ["secret"] } });
        });
    }

    private static string TraceOf(HttpContext http) => http.Request.Headers.TraceParent.ToString().Split('-').ElementAtOrDefault(1) ?? "";

    [RequiresScope(Scopes.FilesRead)]
    private static string Read(Probes probes, IHttpContextAccessor http)
    {
        probes.Ran(http, "probe_read");
        return "read";
    }

    [RequiresScope(Scopes.FilesWrite)]
    private static string Write(Probes probes, IHttpContextAccessor http)
    {
        probes.Ran(http, "probe_write");
        return "written";
    }

    [RequiresScope(Scopes.FilesDelete, Scopes.ProjectsWrite)]
    private static string Delete(Probes probes, IHttpContextAccessor http)
    {
        probes.Ran(http, "probe_delete");
        return "deleted";
    }

    [RequiresScope(Scopes.FilesRead)]
    private static string WhoAmI(Probes probes, IHttpContextAccessor http, Caller caller)
    {
        probes.Ran(http, "probe_who");
        return $"{caller.Subject} {caller.Name} {caller.Client} {string.Join(' ', caller.Scopes.Order(StringComparer.Ordinal))}";
    }

    [RequiresScope(Scopes.FilesWrite)]
    private static string Prompt(Probes probes, IHttpContextAccessor http)
    {
        probes.Ran(http, "probe_prompt");
        return "prompt";
    }

    [RequiresScope(Scopes.FilesWrite)]
    private static string Secret(Probes probes, IHttpContextAccessor http)
    {
        probes.Ran(http, "probe_secret");
        return "secret";
    }

    [RequiresScope(Scopes.FilesRead)]
    private static string Open(Probes probes, IHttpContextAccessor http, string id)
    {
        probes.Ran(http, $"probe_open {id}");
        return "open";
    }
}
