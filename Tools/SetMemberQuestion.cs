using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>Asks before somebody gets access to a project, or another role in it. The id decides who it is, so the id is shown; a name beside it may be anybody's.</summary>
internal sealed class SetMemberQuestion(Projects projects, Members members, Caller caller) : IQuestion
{
    public async Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken)
    {
        var (slug, user, role) = (arguments["project"].GetString()!, arguments["user"].GetString()!, arguments["role"].GetString()!);
        var project = projects.Find(caller, slug, Roles.ChangeMembers);
        user = Text.OneLine(user, "user");
        var name = arguments.TryGetValue("name", out var given) && given.ValueKind == JsonValueKind.String ? Text.OneLine(given.GetString()!, "name") : null;
        var before = (await members.ListAsync(caller, slug, cancellationToken)).SingleOrDefault(member => (member.Issuer, member.Subject) == (caller.Issuer, user));
        Sentence sentence = (before, name) switch
        {
            (null, null) => $"Give the person with the id {user} access to the project {project.Title}, as {role}.",
            (null, _) => $"Give the person with the id {user}, called {name}, access to the project {project.Title}, as {role}.",
            (_, null) => $"Make {before.Name} (id {user}) {role} in the project {project.Title}, instead of {before.Role}.",
            _ => $"Make {before.Name} (id {user}) {role} in the project {project.Title}, instead of {before.Role}, and call this person {name}.",
        };
        return new Question(sentence, $"{project.Id} {before?.Role}");
    }
}
