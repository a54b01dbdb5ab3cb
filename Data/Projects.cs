using System.Security.Cryptography;
using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>A project as one of its members sees it.</summary>
/// <remarks>With properties and not with a constructor: of an empty result SQLite cannot say the types that Dapper would look for one by.</remarks>
internal sealed record Project
{
    public required string Id { get; init; }

    public required string Slug { get; init; }

    public required string Title { get; init; }

    public required string Role { get; init; }

    public required string CreatedAt { get; init; }

    /// <summary>When it was archived; null while it is in use.</summary>
    public string? ArchivedAt { get; init; }

    public required long Members { get; init; }

    /// <summary>The row of a look-up, whose columns are in this order.</summary>
    public static Project Read(Statement row) => new()
    {
        Id = row.Text(0),
        Slug = row.Text(1),
        Title = row.Text(2),
        Role = row.Text(3),
        CreatedAt = row.Text(4),
        ArchivedAt = row.TextOrNull(5),
        Members = row.Number(6),
    };
}

/// <summary>Projects. Every query carries the person, so that a foreign project is no row.</summary>
internal sealed class Projects(Database database, ProjectFolders folders, FilesOptions options, TimeProvider time) : IDisposable
{
    private const string MinePart =
        """
        select p.id as Id, p.slug as Slug, p.title as Title, m.role as Role, p.created_at as CreatedAt, p.archived_at as ArchivedAt,
               (select count(*) from member n where n.project_id = p.id) as Members
        from project p join member m on m.project_id = p.id and m.issuer = @Issuer and m.subject = @Subject
        where p.available = 1
        """;

    private const string MineOfSlug = $"{MinePart} and p.slug = @slug";

    private readonly Lookup _mine = new(database, MineOfSlug, 5, "@Issuer", "@Subject", "@slug");

    /// <summary>The person's projects by slug, at most <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<Project>> ListAsync(IPerson person, bool archived, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<Project>(new CommandDefinition(
            $"{MinePart} and (@archived or p.archived_at is null) order by p.slug limit @limit",
            new { person.Issuer, person.Subject, archived, limit }, cancellationToken: cancellationToken))).AsList();
    }

    /// <summary>The project of this slug; null when there is none for this person.</summary>
    public Project? Seek(IPerson person, string slug) => _mine.First(Project.Read, null, person.Issuer, person.Subject, slug);

    /// <summary>The person's projects in use whose slug begins so, by slug, those behind <paramref name="after"/>.</summary>
    public async Task<IReadOnlyList<Project>> FindAsync(IPerson person, string prefix, string after, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<Project>(new CommandDefinition(
            $"{MinePart} and p.archived_at is null and p.slug > @after and substr(p.slug, 1, length(@prefix)) = @prefix order by p.slug limit @limit",
            new { person.Issuer, person.Subject, prefix, after, limit }, cancellationToken: cancellationToken))).AsList();
    }

    /// <summary>The project of this slug, when the person is a member with at least this role.</summary>
    /// <exception cref="ProblemException">There is no such project for this person; or his role is too low.</exception>
    public Project Find(IPerson person, string slug, Role role) => Require(Seek(person, slug), slug, role);

    /// <summary>The same within what somebody else has begun.</summary>
    public static async Task<Project> FindAsync(SqliteConnection connection, IPerson person, string slug, Role role, CancellationToken cancellationToken) =>
        Require(await SeekAsync(connection, person, slug, cancellationToken), slug, role);

    private static Project Require(Project? project, string slug, Role role) =>
        Require(project ?? throw new ProblemException($"You have no project {Quote(slug)}. list_projects shows the ones you have."), role);

    /// <summary>The project, when the person's role in it is at least this one.</summary>
    /// <exception cref="ProblemException">It is too low.</exception>
    public static Project Require(Project project, Role role) =>
        Roles.Of(project.Role) >= role ? project
            : throw new ProblemException($"This takes the role {role.Name()} in '{project.Slug}'; yours is {project.Role}.");

    /// <summary>Makes a project with its folder; the person is its owner.</summary>
    /// <exception cref="ProblemException">The title is no title, or the person owns as many projects as he may.</exception>
    public async Task<Project> CreateAsync(IPerson person, string title, CancellationToken cancellationToken)
    {
        title = Text.OneLine(title, "title");
        var slug = SlugFor(title);
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var owned = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            "select count(*) from member where issuer = @Issuer and subject = @Subject and role = 'owner'", new { person.Issuer, person.Subject }, cancellationToken: cancellationToken));
        if (owned >= options.ProjectsPerOwner)
        {
            throw new ProblemException($"You own {owned} projects, and more than {options.ProjectsPerOwner} are not allowed.");
        }

        var project = await InsertAsync(connection, slug, title, [(person, Role.Owner)], cancellationToken);
        await new Activity(project.Id, person, "create_project", Detail: title).RecordAsync(connection, (SqliteTransaction)transaction, project.CreatedAt);
        // The folder before the commit: a folder without a project is nothing, a project without a folder is broken.
        folders.Create(slug);
        await transaction.CommitAsync(cancellationToken);
        return project;
    }

    /// <summary>Gives a project another title.</summary>
    public Task<Project> RenameAsync(IPerson person, string slug, string title, CancellationToken cancellationToken) =>
        ChangeAsync(person, slug, Roles.RenameProject, "update_project", "title = @value", Text.OneLine(title, "title"), cancellationToken);

    /// <summary>Puts a project away: it can be read and no longer changed, until it is restored.</summary>
    public Task<Project> ArchiveAsync(IPerson person, string slug, CancellationToken cancellationToken) =>
        ChangeAsync(person, slug, Roles.ArchiveProject, "archive_project", "archived_at = coalesce(archived_at, @value)", Database.Text(time.GetUtcNow()), cancellationToken);

    /// <summary>Takes a project out of the archive.</summary>
    public Task<Project> RestoreAsync(IPerson person, string slug, CancellationToken cancellationToken) =>
        ChangeAsync(person, slug, Roles.ArchiveProject, "restore_project", "archived_at = null", null, cancellationToken);

    /// <summary>Makes a project under a name of the server's own choice, once, with what <paramref name="fill"/> puts into it.</summary>
    public async Task SeedAsync(
        string slug, string title, IEnumerable<(IPerson Person, Role Role)> members, Func<ProjectFolder, Task> fill, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        if (await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            "select count(*) from project where slug = @slug", new { slug }, cancellationToken: cancellationToken)) > 0)
        {
            return;
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await InsertAsync(connection, slug, title, members, cancellationToken);
        folders.Create(slug);
        await fill(folders.Of(slug));
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Makes the mounted projects, each with its owner, the ones that exist; a mounted project that is no longer named is not there until it is again.</summary>
    /// <exception cref="ProblemException">A slug is that of a project which is not mounted.</exception>
    public async Task MountAsync(IReadOnlyList<(string Slug, string Title, IPerson Owner)> mounts, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition("update project set available = 0 where mounted = 1", cancellationToken: cancellationToken));
        foreach (var (slug, title, owner) in mounts)
        {
            var mounted = await connection.ExecuteScalarAsync<long?>(new CommandDefinition(
                "select mounted from project where slug = @slug", new { slug }, cancellationToken: cancellationToken));
            if (mounted is 0)
            {
                throw new ProblemException($"Files:Mounts: there is already a project '{slug}' that is not mounted. Choose another Slug.");
            }

            if (mounted is null)
            {
                await InsertAsync(connection, slug, title, [(owner, Role.Owner)], cancellationToken);
            }

            await connection.ExecuteAsync(new CommandDefinition(
                """
                update project set mounted = 1, available = 1, title = @title where slug = @slug;
                insert into member (project_id, issuer, subject, name, role, added_at)
                select id, @Issuer, @Subject, @Name, 'owner', @now from project where slug = @slug
                on conflict (project_id, issuer, subject) do update set role = 'owner'
                """,
                new { slug, title, owner.Issuer, owner.Subject, owner.Name, now = Database.Text(time.GetUtcNow()) }, cancellationToken: cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
    }

    public void Dispose() => _mine.Dispose();

    private static async Task<Project?> SeekAsync(SqliteConnection connection, IPerson person, string slug, CancellationToken cancellationToken) =>
        await connection.QuerySingleOrDefaultAsync<Project>(new CommandDefinition(
            MineOfSlug, new { person.Issuer, person.Subject, slug }, cancellationToken: cancellationToken));

    private async Task<Project> ChangeAsync(IPerson person, string slug, Role role, string action, string change, string? value, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var project = await FindAsync(connection, person, slug, role, cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition($"update project set {change} where id = @Id", new { project.Id, value }, cancellationToken: cancellationToken));
        project = await FindAsync(connection, person, slug, role, cancellationToken);
        await new Activity(project.Id, person, action, Detail: project.Title).RecordAsync(connection, (SqliteTransaction)transaction, Database.Text(time.GetUtcNow()));
        await transaction.CommitAsync(cancellationToken);
        return project;
    }

    private async Task<Project> InsertAsync(
        SqliteConnection connection, string slug, string title, IEnumerable<(IPerson Person, Role Role)> members, CancellationToken cancellationToken)
    {
        var now = Database.Text(time.GetUtcNow());
        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString("n");
        await connection.ExecuteAsync(new CommandDefinition(
            "insert into project (id, slug, title, created_at) values (@id, @slug, @title, @now)", new { id, slug, title, now }, cancellationToken: cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(
            "insert into member (project_id, issuer, subject, name, role, added_at) values (@id, @Issuer, @Subject, @Name, @role, @now)",
            members.Select(member => new { id, member.Person.Issuer, member.Person.Subject, member.Person.Name, role = member.Role.Name(), now }),
            cancellationToken: cancellationToken));
        return new Project { Id = id, Slug = slug, Title = title, Role = "owner", CreatedAt = now, Members = 1 };
    }

    /// <summary>What was sent as a slug, as far as it can be one: other text is not repeated.</summary>
    private static string Quote(string slug) => slug.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') ? $"'{slug}'" : "of this name";

    /// <summary>Words of the title and a random ending: whoever makes projects learns nothing about the names that others have taken.</summary>
    private static string SlugFor(string title)
    {
        var words = new string([.. title.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')])
            .Split('-', StringSplitOptions.RemoveEmptyEntries);
        var readable = string.Join('-', words.Length == 0 ? ["project"] : words);
        return $"{readable[..Math.Min(readable.Length, 40)].TrimEnd('-')}-{RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 8)}";
    }
}
