namespace McpFilesServer.Data;

/// <summary>What a member may do: each role may do what the ones before it may.</summary>
internal enum Role
{
    Reader,
    Editor,
    Owner,
}

/// <summary>
/// The rule of roles: what each thing that can be done in a project takes. It counts after the scopes, and only for members; to anybody else the
/// project does not exist.
/// </summary>
internal static class Roles
{
    public const Role SeeProject = Role.Reader;
    public const Role ReadFiles = Role.Reader;
    public const Role LeaveProject = Role.Reader;
    public const Role ChangeFiles = Role.Editor;
    public const Role EmptyTrash = Role.Owner;
    public const Role RenameProject = Role.Owner;
    public const Role ArchiveProject = Role.Owner;
    public const Role ChangeMembers = Role.Owner;

    /// <summary>The name of a role in SQL, JSON and sentences.</summary>
    public static string Name(this Role role) => role.ToString().ToLowerInvariant();

    /// <summary>The role of this name, as it is in the database.</summary>
    public static Role Of(string name) => Enum.Parse<Role>(name, ignoreCase: true);
}
