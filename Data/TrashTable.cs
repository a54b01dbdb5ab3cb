using Dapper;

namespace McpFilesServer.Data;

/// <summary>A row of the trash. With properties and not with a constructor: of an empty result SQLite cannot say the types.</summary>
internal sealed record TrashRow
{
    /// <summary>128 random bits in hexadecimal: the trash id, and the name on the disk.</summary>
    public required string Id { get; init; }

    public required string ProjectId { get; init; }

    /// <summary>Where it was.</summary>
    public required string Path { get; init; }

    /// <summary>"deleted", or "replaced" for the old version of a file.</summary>
    public required string Kind { get; init; }

    /// <summary>"file" or "directory".</summary>
    public required string Type { get; init; }

    /// <summary>Bytes of all files together.</summary>
    public required long Size { get; init; }

    /// <summary>Files and directories.</summary>
    public required long Files { get; init; }

    public string? Etag { get; init; }

    /// <summary>The number of the file that was to take its place: what has that number under the trash id is not the old version.</summary>
    public long? Staged { get; init; }

    public string State { get; init; } = "arriving";

    public required string Issuer { get; init; }

    public required string Subject { get; init; }

    public required string Name { get; init; }

    public string At { get; init; } = "";

    /// <summary>The project's slug.</summary>
    public string Slug { get; init; } = "";
}

/// <summary>The table of what is in the trash: every change of it is announced here before it happens on the disk, and settled after.</summary>
internal sealed class TrashTable(Database database, TimeProvider time)
{
    private const string Rows =
        """
        select t.id as Id, t.project_id as ProjectId, t.path as Path, t.kind as Kind, t.type as Type, t.size as Size, t.files as Files, t.etag as Etag,
               t.staged as Staged, t.state as State, t.issuer as Issuer, t.subject as Subject, t.name as Name, t.at as At, p.slug as Slug
        from trash t join project p on p.id = t.project_id and p.available = 1
        """;

    private string Now => Database.Text(time.GetUtcNow());

    /// <summary>Says what is about to come into the trash.</summary>
    public Task AnnounceAsync(TrashRow row, CancellationToken cancellationToken) => database.WriteAsync(
        (connection, transaction) => connection.ExecuteAsync(
            """
            insert into trash (id, project_id, path, kind, type, size, files, etag, staged, state, issuer, subject, name, at)
            values (@Id, @ProjectId, @Path, @Kind, @Type, @Size, @Files, @Etag, @Staged, 'arriving', @Issuer, @Subject, @Name, @At)
            """,
            row with { At = Now }, transaction),
        cancellationToken);

    /// <summary>It is in the trash.</summary>
    public Task SettleAsync(string id, Activity? activity, CancellationToken cancellationToken) =>
        ChangeAsync("update trash set state = 'kept' where id = @id", id, activity, cancellationToken);

    /// <summary>It is not there, or not any more.</summary>
    public Task ForgetAsync(string id, Activity? activity, CancellationToken cancellationToken) =>
        ChangeAsync("delete from trash where id = @id", id, activity, cancellationToken);

    /// <summary>Something else has been done.</summary>
    public Task RecordAsync(Activity activity, CancellationToken cancellationToken) =>
        database.WriteAsync((connection, transaction) => activity.RecordAsync(connection, transaction, Now), cancellationToken);

    /// <summary>Takes what is kept, for one caller alone: whoever comes second finds nothing.</summary>
    /// <param name="project">The project's id: no row is found by its own id alone.</param>
    /// <param name="id">The trash id.</param>
    /// <param name="state"><c>restoring</c> or <c>purging</c>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<TrashRow?> TakeAsync(string project, string id, string state, CancellationToken cancellationToken)
    {
        TrashRow? row = null;
        await database.WriteAsync(
            async (connection, transaction) =>
            {
                row = await connection.QuerySingleOrDefaultAsync<TrashRow>($"{Rows} where t.id = @id and t.project_id = @project and t.state = 'kept'", new { id, project }, transaction);
                await connection.ExecuteAsync("update trash set state = @state where id = @id and project_id = @project and state = 'kept'", new { state, id, project }, transaction);
            },
            cancellationToken);
        return row;
    }

    /// <summary>What is in the trash of a project, newest first, behind a place in that list.</summary>
    public async Task<IReadOnlyList<TrashRow>> ListAsync(string project, TrashMark? after, int limit, CancellationToken cancellationToken) => await QueryAsync(
        """
        where t.project_id = @project and t.state = 'kept' and (@At is null or t.at < @At or (t.at = @At and t.id > @Id))
        order by t.at desc, t.id limit @limit
        """,
        new { project, limit, after?.At, after?.Id }, cancellationToken);

    /// <summary>What was begun and not brought to an end.</summary>
    public async Task<IReadOnlyList<TrashRow>> UnsettledAsync(CancellationToken cancellationToken) =>
        await QueryAsync("where t.state <> 'kept'", new { }, cancellationToken);

    /// <summary>What has been kept long enough: older than the limit, or with enough newer versions of the same path.</summary>
    public async Task<IReadOnlyList<TrashRow>> ExpiredAsync(TrashOptions limits, int limit, CancellationToken cancellationToken) => await QueryAsync(
        """
        where t.id in (select id from trash where state = 'kept' and at < @before order by at limit @limit)
           or t.id in (select id from (select id, row_number() over (partition by project_id, path order by at desc, id) as newer from trash where state = 'kept' and kind = 'replaced')
                       where newer > @Versions limit @limit)
        """,
        new { before = Database.Text(time.GetUtcNow().AddDays(-limits.Days)), limits.Versions, limit }, cancellationToken);

    /// <summary>All ids of a project, whatever becomes of them.</summary>
    public async Task<IReadOnlySet<string>> IdsAsync(string slug, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<string>(new CommandDefinition(
            "select t.id from trash t join project p on p.id = t.project_id where p.slug = @slug", new { slug }, cancellationToken: cancellationToken))).ToHashSet(StringComparer.Ordinal);
    }

    private async Task<IReadOnlyList<TrashRow>> QueryAsync(string where, object parameters, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<TrashRow>(new CommandDefinition($"{Rows} {where}", parameters, cancellationToken: cancellationToken))).AsList();
    }

    private Task ChangeAsync(string sql, string id, Activity? activity, CancellationToken cancellationToken) => database.WriteAsync(
        async (connection, transaction) =>
        {
            await connection.ExecuteAsync(sql, new { id }, transaction);
            await (activity?.RecordAsync(connection, transaction, Now) ?? Task.CompletedTask);
        },
        cancellationToken);
}
