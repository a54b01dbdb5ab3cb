using Dapper;

namespace McpFilesServer.Data;

/// <summary>Something that was done in a project.</summary>
internal sealed record Deed
{
    public required string Project { get; init; }

    /// <summary>When, in UTC.</summary>
    public required string At { get; init; }

    /// <summary>The name of who did it.</summary>
    public required string By { get; init; }

    /// <summary>What, in the words of the tools.</summary>
    public required string Action { get; init; }

    public string? Path { get; init; }

    public string? Detail { get; init; }
}

/// <summary>What members can see of what was done in their projects. The audit is another thing, and for operators.</summary>
internal sealed class History(Database database)
{
    /// <summary>The latest of one project, or of all that the person is a member of.</summary>
    /// <exception cref="ProblemException">There is no such project for this person.</exception>
    public async Task<IReadOnlyList<Deed>> ListAsync(IPerson person, string? slug, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var project = slug is null ? null : await Projects.FindAsync(connection, person, slug, Roles.SeeProject, cancellationToken);
        return (await connection.QueryAsync<Deed>(new CommandDefinition(
            """
            select p.slug as Project, a.at as At, a.name as By, a.action as Action, a.path as Path, a.detail as Detail
            from activity a join project p on p.id = a.project_id and p.available = 1
            where a.project_id in (select project_id from member where issuer = @Issuer and subject = @Subject) and (@id is null or p.id = @id)
            order by a.sequence desc limit @limit
            """,
            new { person.Issuer, person.Subject, id = project?.Id, limit }, cancellationToken: cancellationToken))).AsList();
    }
}
