using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>People in the directory, as the caller himself may see them.</summary>
internal sealed class PeopleTools(Graph graph)
{
    [McpServerTool(Name = "find_people", Title = "Find people", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.PeopleRead)]
    [Downstream(Graph.Resource, "User.ReadBasic.All")]
    [Description("Finds people in the directory by the beginning of their name or mail address, at most 25. The id in the answer is what set_member takes as user.")]
    public async Task<PeopleFound> FindPeopleAsync(
        [Description("The beginning of a name or mail address."), StringLength(100, MinimumLength = 1)] string query, CancellationToken cancellationToken) =>
        new(await graph.FindPeopleAsync(query, cancellationToken));
}

/// <summary>People that a search found.</summary>
internal sealed record PeopleFound(IReadOnlyList<DirectoryPerson> People);
