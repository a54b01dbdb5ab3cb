using Dapper;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>The revocations in SQLite. Each request looks up five keys; a writer, here or in another process, does not hold it up.</summary>
internal sealed class Revocations(Database database) : IRevocations, IDisposable
{
    /// <summary>Seconds that a locked file is waited for. A look-up takes microseconds: a store that is locked for longer is one that is down.</summary>
    private const int Patience = 1;

    /// <summary>What kills a token. One look-up by the whole primary key for each: with "or" SQLite is free to scan instead.</summary>
    internal const string IsRevoked =
        """
        select 1 from revocation where issuer = @Issuer and kind = 'token' and name = @TokenId and client = '' and issued_until >= @IssuedAt
        union all
        select 1 from revocation where issuer = @Issuer and kind = 'subject' and name = @Subject and client = '' and issued_until >= @IssuedAt
        union all
        select 1 from revocation where issuer = @Issuer and kind = 'client' and name = @Client and client = '' and issued_until >= @IssuedAt
        union all
        select 1 from revocation where issuer = @Issuer and kind = 'grant' and name = @Subject and client = @Client and issued_until >= @IssuedAt
        union all
        select 1 from revocation where issuer = @Issuer and kind = @SessionKind and name = @Session and client = '' and issued_until >= @IssuedAt
        limit 1
        """;

    private const string Insert =
        "insert into revocation (issuer, kind, name, client, issued_until) values (@Issuer, @Kind, @Name, @Client, @IssuedUntil) on conflict (issuer, kind, name, client)";

    private readonly Lookup _isRevoked = new(database, IsRevoked, Patience, "@Issuer", "@TokenId", "@Subject", "@Client", "@SessionKind", "@Session", "@IssuedAt");

    public Task<IReadOnlyCollection<T>> RevokedAsync<T>(IReadOnlyCollection<T> tokens, CancellationToken cancellationToken) where T : IRevocable =>
        Task.FromResult<IReadOnlyCollection<T>>([.. tokens.Where(token => Is(token))]);

    public async Task<bool> AddAsync(IReadOnlyCollection<Revocation> revocations, Revocation? once, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (once is not null && await connection.ExecuteAsync(new CommandDefinition($"{Insert} do nothing", Row(once), transaction, cancellationToken: cancellationToken)) == 0)
        {
            return false;
        }

        await connection.ExecuteAsync(new CommandDefinition(
            $"{Insert} do update set issued_until = max(issued_until, excluded.issued_until)", revocations.Select(Row), transaction, cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    public async Task<int> PurgeAsync(DateTimeOffset issuedBefore, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(
            """
            delete from revocation where (issuer, kind, name, client) in
              (select issuer, kind, name, client from revocation where issued_until < @before order by issued_until limit @limit)
            """,
            new { before = Database.Text(issuedBefore), limit }, cancellationToken: cancellationToken));
    }

    public void Dispose() => _isRevoked.Dispose();

    private bool Is(IRevocable token) => _isRevoked.First(
        static _ => true, false, token.Issuer, token.TokenId, token.Subject, token.Client, Text(token.Session is null ? RevocationKind.Sessionless : RevocationKind.Session),
        token.Session ?? token.Subject, Database.Text(token.IssuedAt));

    private static object Row(Revocation revocation) =>
        new { revocation.Issuer, Kind = Text(revocation.Kind), revocation.Name, revocation.Client, IssuedUntil = Database.Text(revocation.IssuedUntil) };

    private static string Text(RevocationKind kind) => kind.ToString().ToLowerInvariant();
}
