using Dapper;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>The audit on disk: a plain table, written before what it records happens.</summary>
internal sealed class Audit(Database database, TimeProvider time) : IAudit
{
    public async Task RecordAsync(AuditRecord record, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            """
            insert into audit (recorded_at, kind, decision, reason, policy_version, trace_id, address, issuer, subject, client, token_id,
                               method, target, arguments_digest, scopes_needed, scopes_held)
            values (@RecordedAt, @Kind, @Decision, @Reason, @PolicyVersion, @TraceId, @Address, @Issuer, @Subject, @Client, @TokenId,
                    @Method, @Target, @ArgumentsDigest, @ScopesNeeded, @ScopesHeld)
            """,
            new
            {
                RecordedAt = Database.Text(time.GetUtcNow()),
                record.Kind,
                record.Decision,
                record.Reason,
                record.PolicyVersion,
                record.TraceId,
                record.Address,
                record.Issuer,
                record.Subject,
                record.Client,
                record.TokenId,
                record.Method,
                record.Target,
                record.ArgumentsDigest,
                record.ScopesNeeded,
                record.ScopesHeld,
            },
            cancellationToken: cancellationToken));
    }
}
