using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Completes the arguments that prompts and resource templates declare with <see cref="CompletesAttribute"/>, out of the caller's own projects. Which may be
/// asked for, and with which scopes, the gateway has decided. What the caller may not see completes to nothing, as what is not there.
/// </summary>
internal static class Completions
{
    /// <summary>The most values of one answer, as the protocol has it.</summary>
    private const int Max = 100;

    public static async ValueTask<CompleteResult> CompleteAsync(RequestContext<CompleteRequestParams> request, CancellationToken cancellationToken)
    {
        var asked = request.Params!;
        try
        {
            return asked.Argument.Name switch
            {
                "project" => await ProjectsAsync(request.Services!, asked.Argument.Value, cancellationToken),
                "path" when asked.Context?.Arguments?.TryGetValue("project", out var project) == true =>
                    await PathsAsync(request.Services!, project, asked.Argument.Value, cancellationToken),
                _ => Result([], false),
            };
        }
        catch (ProblemException)
        {
            return Result([], false);
        }
    }

    private static async Task<CompleteResult> ProjectsAsync(IServiceProvider services, string typed, CancellationToken cancellationToken)
    {
        var found = await services.GetRequiredService<Projects>().FindAsync(services.GetRequiredService<Caller>(), typed, "", Max + 1, cancellationToken);
        return Result([.. found.Take(Max).Select(project => project.Slug)], found.Count > Max);
    }

    private static async Task<CompleteResult> PathsAsync(IServiceProvider services, string project, string typed, CancellationToken cancellationToken)
    {
        var place = await services.GetRequiredService<Places>().OpenAsync(services.GetRequiredService<Caller>(), project, null, Roles.ReadFiles, cancellationToken);
        return Result(PathPrefix.Complete(place, typed, Max, out var cut), cut);
    }

    private static CompleteResult Result(IReadOnlyList<string> values, bool cut) =>
        new() { Completion = new Completion { Values = [.. values], HasMore = cut, Total = cut ? null : values.Count } };
}
