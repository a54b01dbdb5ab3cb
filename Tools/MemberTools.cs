using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Who is in a project, as an assistant sees and changes it.</summary>
internal sealed class MemberTools(Members members, Caller caller)
{
    private const string User = "The person's id, as find_people or list_members gives it.";

    [McpServerTool(Name = "list_members", Title = "List members", ReadOnly = true, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsRead)]
    [Description("Lists who is in a project, with their roles.")]
    public async Task<MemberList> ListAsync([Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project, CancellationToken cancellationToken) =>
        new([.. (await members.ListAsync(caller, project, cancellationToken)).Select(member => MemberInfo.Of(member, caller))]);

    [McpServerTool(Name = "set_member", Title = "Add or change a member", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsShare)]
    [AsksHuman<SetMemberQuestion>]
    [Description("Gives a person access to a project, or a member another role. Only owners can, and the user is asked first.")]
    public async Task<MemberInfo> SetAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(User), StringLength(256, MinimumLength = 1)] string user,
        [Description("reader (reads), editor (changes files) or owner (also changes members)."), AllowedValues("reader", "editor", "owner")] string role,
        [Description("The person's name, for people to read. Left out: it stays, or is the id."), StringLength(200, MinimumLength = 1)] string? name = null,
        CancellationToken cancellationToken = default) =>
        MemberInfo.Of(await members.SetAsync(caller, project, user, name, Roles.Of(role), cancellationToken), caller);

    [McpServerTool(Name = "remove_member", Title = "Remove a member", ReadOnly = false, Destructive = false, Idempotent = false, OpenWorld = false, UseStructuredContent = true)]
    [RequiresScope(Scopes.ProjectsShare)]
    [Description("Ends a person's access to a project. Only owners can, but every member can remove themselves; set_member brings somebody back.")]
    public async Task<MemberRemoved> RemoveAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(User), StringLength(256, MinimumLength = 1)] string user,
        CancellationToken cancellationToken)
    {
        await members.RemoveAsync(caller, project, user, cancellationToken);
        return new MemberRemoved(project, user);
    }
}

/// <summary>The members of a project, owners first.</summary>
internal sealed record MemberList(IReadOnlyList<MemberInfo> Members);

/// <summary>One member.</summary>
/// <param name="User">The person's id at his issuer.</param>
/// <param name="Name">What he is called.</param>
/// <param name="Role">owner, editor or reader.</param>
/// <param name="Added">When he was added, in UTC.</param>
/// <param name="You">Whether this is the caller.</param>
internal sealed record MemberInfo(string User, string Name, string Role, string Added, bool You)
{
    public static MemberInfo Of(Member member, Caller caller) =>
        new(member.Subject, member.Name, member.Role, member.AddedAt, member.Issuer == caller.Issuer && member.Subject == caller.Subject);
}

/// <summary>Who is no longer in which project.</summary>
internal sealed record MemberRemoved(string Project, string User);
