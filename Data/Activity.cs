using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>What members see of a project's history. A row is written in the transaction of what it tells about.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="Person">Who did it.</param>
/// <param name="Action">What was done, in the words of the tools: <c>write_file</c>.</param>
/// <param name="Path">To which file or directory, if to one.</param>
/// <param name="Detail">What else there is to say, such as where it was moved.</param>
internal sealed record Activity(string ProjectId, IPerson Person, string Action, string? Path = null, string? Detail = null)
{
    /// <summary>Adds the row.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="transaction">The transaction of the change.</param>
    /// <param name="at">When, as <see cref="Database.Text"/> has it.</param>
    public Task RecordAsync(SqliteConnection connection, SqliteTransaction transaction, string at) => connection.ExecuteAsync(
        """
        insert into activity (project_id, at, issuer, subject, name, action, path, detail)
        values (@ProjectId, @at, @Issuer, @Subject, @Name, @Action, @Path, @Detail)
        """,
        new { ProjectId, at, Person.Issuer, Person.Subject, Person.Name, Action, Path, Detail }, transaction);
}
