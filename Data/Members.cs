using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>A member of a project.</summary>
internal sealed record Member
{
    /// <summary>The issuer's id of the person; the issuer is the caller's own unless <see cref="Issuer"/> says another.</summary>
    public required string Subject { get; init; }

    public required string Issuer { get; init; }

    public required string Name { get; init; }

    public required string Role { get; init; }

    public required string AddedAt { get; init; }
}

/// <summary>Who is in a project. A project always has an owner.</summary>
internal sealed class Members(Database database, TimeProvider time)
{
    private const int MaxMembers = 1000;

    /// <summary>The members of a project, owners first.</summary>
    public async Task<IReadOnlyList<Member>> ListAsync(IPerson person, string slug, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var project = await Projects.FindAsync(connection, person, slug, Roles.SeeProject, cancellationToken);
        return (await connection.QueryAsync<Member>(new CommandDefinition(
            """
            select subject as Subject, issuer as Issuer, name as Name, role as Role, added_at as AddedAt from member
            where project_id = @Id order by case role when 'owner' then 0 when 'editor' then 1 else 2 end, added_at, subject
            """,
            new { project.Id }, cancellationToken: cancellationToken))).AsList();
    }

    /// <summary>Makes a person of the caller's issuer a member, or gives a member another role.</summary>
    /// <param name="person">The owner who does it.</param>
    /// <param name="slug">The project.</param>
    /// <param name="subject">The person's subject.</param>
    /// <param name="name">What to call him; null to keep the name, or to call a new member by his subject.</param>
    /// <param name="role">The role.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="ProblemException">The caller is no owner, the project would have none, or it has too many members.</exception>
    public async Task<Member> SetAsync(IPerson person, string slug, string subject, string? name, Role role, CancellationToken cancellationToken)
    {
        subject = Text.OneLine(subject, "user");
        name = name is null ? null : Text.OneLine(name, "name");
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var project = await Projects.FindAsync(connection, person, slug, Roles.ChangeMembers, cancellationToken);
        if (role < Role.Owner)
        {
            await RequireAnotherOwnerAsync(connection, project, person.Issuer, subject, cancellationToken);
        }

        if (project.Members >= MaxMembers && await RoleAsync(connection, project, person.Issuer, subject, cancellationToken) is null)
        {
            throw new ProblemException($"A project has at most {MaxMembers} members.");
        }

        await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into member (project_id, issuer, subject, name, role, added_at) values (@Id, @Issuer, @subject, coalesce(@name, @subject), @role, @now)
            on conflict (project_id, issuer, subject) do update set role = excluded.role, name = coalesce(@name, name)
            """,
            new { project.Id, person.Issuer, subject, name, role = role.Name(), now = Database.Text(time.GetUtcNow()) }, cancellationToken: cancellationToken));
        var member = await connection.QuerySingleAsync<Member>(new CommandDefinition(
            "select subject as Subject, issuer as Issuer, name as Name, role as Role, added_at as AddedAt from member where project_id = @Id and issuer = @Issuer and subject = @subject",
            new { project.Id, person.Issuer, subject }, cancellationToken: cancellationToken));
        await new Activity(project.Id, person, "set_member", Detail: $"{member.Name}: {member.Role}").RecordAsync(connection, (SqliteTransaction)transaction, Database.Text(time.GetUtcNow()));
        await transaction.CommitAsync(cancellationToken);
        return member;
    }

    /// <summary>Takes a member out of a project. Any member may take himself out; an owner anybody.</summary>
    /// <exception cref="ProblemException">The caller may not, there is no such member, or the project would have no owner.</exception>
    public async Task RemoveAsync(IPerson person, string slug, string subject, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var leaves = string.Equals(subject, person.Subject, StringComparison.Ordinal);
        var project = await Projects.FindAsync(connection, person, slug, leaves ? Roles.LeaveProject : Roles.ChangeMembers, cancellationToken);
        await RequireAnotherOwnerAsync(connection, project, person.Issuer, subject, cancellationToken);
        var name = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            "select name from member where project_id = @Id and issuer = @Issuer and subject = @subject", new { project.Id, person.Issuer, subject }, cancellationToken: cancellationToken));
        var removed = await connection.ExecuteAsync(new CommandDefinition(
            "delete from member where project_id = @Id and issuer = @Issuer and subject = @subject", new { project.Id, person.Issuer, subject }, cancellationToken: cancellationToken));
        if (removed == 0)
        {
            throw new ProblemException("The project has no such member. list_members shows the ones it has.");
        }

        await new Activity(project.Id, person, "remove_member", Detail: name).RecordAsync(connection, (SqliteTransaction)transaction, Database.Text(time.GetUtcNow()));
        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task<string?> RoleAsync(SqliteConnection connection, Project project, string issuer, string subject, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            "select role from member where project_id = @Id and issuer = @issuer and subject = @subject", new { project.Id, issuer, subject }, cancellationToken: cancellationToken));

    private static async Task RequireAnotherOwnerAsync(SqliteConnection connection, Project project, string issuer, string subject, CancellationToken cancellationToken)
    {
        var others = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            "select count(*) from member where project_id = @Id and role = 'owner' and not (issuer = @issuer and subject = @subject)",
            new { project.Id, issuer, subject }, cancellationToken: cancellationToken));
        if (others == 0)
        {
            throw new ProblemException("The project would have no owner. Make somebody else an owner first.");
        }
    }
}
