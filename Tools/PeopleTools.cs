using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>People in the directory, as the caller himself may see them.</summary>
internal sealed class PeopleTools(PeopleDirectory directory)
{
    [McpServerTool(Name = "find_people", Title = "Find people", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.PeopleRead)]
    [Downstream(Graph.Resource, "User.ReadBasic.All")]
    [Description("Finds people in the directory by the beginning of their name or mail address, at most 25; truncated says that there are more. The id in the answer is what set_member takes as user.")]
    public async Task<PeopleFound> FindPeopleAsync(
        [Description("The beginning of a name or mail address."), StringLength(100, MinimumLength = 1)] string query, CancellationToken cancellationToken)
    {
        var (people, more) = await directory.FindAsync(query, cancellationToken);
        return new PeopleFound(people, more);
    }
}

/// <summary>People that a search found.</summary>
/// <param name="People">In the directory's own order.</param>
/// <param name="Truncated">Whether there are more than these.</param>
internal sealed record PeopleFound(IReadOnlyList<DirectoryPerson> People, bool Truncated);
