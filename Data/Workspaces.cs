using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace McpFilesServer.Data;

/// <summary>Where a workspace is.</summary>
internal sealed record Workspace
{
    /// <summary>The slug of its project.</summary>
    public required string Slug { get; init; }

    /// <summary>The directory in the project; empty for the project's top.</summary>
    public required string Path { get; init; }
}

/// <summary>
/// Places that callers work in, each under a handle that only its own person and client can use. A workspace is a memory, not a right: who uses one is
/// authorized as if he had named the project.
/// </summary>
internal sealed class Workspaces(Database database, WorkspaceOptions options, TimeProvider time) : BackgroundService
{
    // Uses since they were last written down, twice a minute: a tool that only reads writes nothing.
    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new(StringComparer.Ordinal);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>Opens a workspace.</summary>
    /// <returns>Its handle: 256 random bits, 43 characters.</returns>
    public async Task<string> OpenAsync(ICaller caller, Place place, CancellationToken cancellationToken)
    {
        var handle = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        await WriteUsesAsync(cancellationToken);
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into workspace (handle_hash, issuer, subject, client, project_id, path, used_at) values (@hash, @Issuer, @Subject, @Client, @Id, @Path, @now);
            delete from workspace where handle_hash in (
              select handle_hash from workspace where issuer = @Issuer and subject = @Subject and client = @Client
              order by used_at desc, handle_hash = @hash desc limit -1 offset @PerCaller);
            """,
            new { hash = Hash(handle), caller.Issuer, caller.Subject, caller.Client, place.Project.Id, Path = place.Base.Text, now = Now, options.PerCaller },
            cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return handle;
    }

    /// <summary>The workspace of this handle; null when it is another caller's, was closed, expired, or never was.</summary>
    public async Task<Workspace?> FindAsync(ICaller caller, string handle, CancellationToken cancellationToken)
    {
        var hash = Hash(handle);
        await using var connection = await database.OpenAsync(cancellationToken);
        var found = await connection.QuerySingleOrDefaultAsync<Workspace>(new CommandDefinition(
            """
            select p.slug as Slug, w.path as Path from workspace w join project p on p.id = w.project_id
            where w.handle_hash = @hash and w.issuer = @Issuer and w.subject = @Subject and w.client = @Client and w.used_at > @Oldest
            """,
            new { hash, caller.Issuer, caller.Subject, caller.Client, Oldest }, cancellationToken: cancellationToken));
        if (found is not null)
        {
            _used[hash] = time.GetUtcNow();
        }

        return found;
    }

    /// <summary>Closes a workspace.</summary>
    /// <returns>Whether the caller had one of this handle.</returns>
    public async Task<bool> CloseAsync(ICaller caller, string handle, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(
            "delete from workspace where handle_hash = @hash and issuer = @Issuer and subject = @Subject and client = @Client and used_at > @Oldest",
            new { hash = Hash(handle), caller.Issuer, caller.Subject, caller.Client, Oldest }, cancellationToken: cancellationToken)) > 0;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TidyAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            await WriteUsesAsync(CancellationToken.None);
        }
    }

    private string Now => Database.Text(time.GetUtcNow());

    private string Oldest => Database.Text(time.GetUtcNow() - options.Idle);

    private async Task TidyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WriteUsesAsync(cancellationToken);
            await using var connection = await database.OpenAsync(cancellationToken);
            await connection.ExecuteAsync(new CommandDefinition(
                "delete from workspace where handle_hash in (select handle_hash from workspace where used_at <= @Oldest limit 1000)", new { Oldest }, cancellationToken: cancellationToken));
        }
        catch (Microsoft.Data.Sqlite.SqliteException)
        {
            // The next round tries again; until then a use is remembered.
        }
    }

    private async Task WriteUsesAsync(CancellationToken cancellationToken)
    {
        var uses = _used.ToArray();
        if (uses.Length == 0)
        {
            return;
        }

        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "update workspace set used_at = @at where handle_hash = @hash", uses.Select(use => new { hash = use.Key, at = Database.Text(use.Value) }), cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        foreach (var use in uses)
        {
            _used.TryRemove(use);
        }
    }

    private static string Hash(string handle) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(handle)));
}
