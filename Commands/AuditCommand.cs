using McpFilesServer.Data;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- audit verify</c> says whether the audit is what was written; the exit status is 1 when it is not. <c>dotnet run -- audit export</c> writes the records
/// as JSON Lines. Both read beside a running server.
/// </summary>
internal static class AuditCommand
{
    public const string Name = "audit";

    public static int Run(string[] args, WebApplicationBuilder builder, TextWriter output, TextWriter error)
    {
        try
        {
            return args.Skip(1).TakeWhile(word => !word.StartsWith('-')).ToArray() switch
            {
                ["verify"] => Verify(builder.Verification(), output),
                ["export"] => Export(builder.Verification(), output),
                _ => Explain(error),
            };
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            error.WriteLine($"The audit cannot be read ({e.SqliteErrorCode}). Is Storage:Directory the one of the server, and has the server run there?");
            return 1;
        }
    }

    private static int Verify(AuditVerification audit, TextWriter output)
    {
        var problems = audit.Problems(out var head, out var count);
        foreach (var problem in problems)
        {
            output.WriteLine(problem);
        }

        output.WriteLine(problems.Count == 0
            ? $"The audit is whole: {count} records, the last is {head.Sequence} with the hash {head.Hash}."
            : $"The audit is not what was written: {problems.Count} problem(s) in {count} records.");
        return problems.Count == 0 ? 0 : 1;
    }

    private static int Export(AuditVerification audit, TextWriter output)
    {
        foreach (var line in audit.Export())
        {
            output.WriteLine(line);
        }

        return 0;
    }

    private static int Explain(TextWriter error)
    {
        error.WriteLine("usage: dotnet run -- audit verify    says whether the audit is what was written");
        error.WriteLine("       dotnet run -- audit export    writes it as JSON Lines");
        return 2;
    }
}
