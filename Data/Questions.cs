using System.Globalization;
using Dapper;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>Open questions in the database.</summary>
internal sealed class Questions(Database database, TimeProvider time) : IQuestions
{
    public async Task<int?> WaitAsync(string issuer, string subject, int limit, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var connection = await database.OpenAsync(cancellationToken);
        var next = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            "select min(expires_at) from question where issuer = @issuer and subject = @subject and expires_at > @now having count(*) >= @limit",
            new { issuer, subject, now = Database.Text(now), limit }, cancellationToken: cancellationToken));
        return next is null ? null
            : Math.Max(1, (int)Math.Ceiling((DateTimeOffset.Parse(next, CultureInfo.InvariantCulture) - now).TotalSeconds));
    }

    public async Task<bool> TryOpenAsync(OpenQuestion question, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "delete from question where expires_at <= @now", new { now = Database.Text(question.AskedAt) }, cancellationToken: cancellationToken));
        // The count is part of the statement that inserts: of many that ask at once no more get in than there is room for.
        var opened = await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into question (id, issuer, subject, client, tool, asked_at, expires_at)
            select @Id, @Issuer, @Subject, @Client, @Tool, @askedAt, @expiresAt
            where (select count(*) from question where issuer = @Issuer and subject = @Subject) < @limit
            """,
            new
            {
                question.Id,
                question.Issuer,
                question.Subject,
                question.Client,
                question.Tool,
                askedAt = Database.Text(question.AskedAt),
                expiresAt = Database.Text(question.ExpiresAt),
                limit,
            },
            cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return opened == 1;
    }

    public async Task<bool> TryCloseAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(
            "delete from question where id = @id and expires_at > @now", new { id, now = Database.Text(time.GetUtcNow()) }, cancellationToken: cancellationToken)) == 1;
    }
}
