namespace McpFilesServer.Commands;

/// <summary>What an operator can type. Nothing typed means: serve.</summary>
internal static class Usage
{
    private const string Text =
        """
        usage: dotnet run                            serves
               dotnet run -- check                   says what is configured, and what is unsafe about it
               dotnet run -- revoke --user SUBJECT   revokes tokens of the running server; revoke alone says which
               dotnet run -- token USER "SCOPES"     prints an access token of the development provider (Debug builds)
               dotnet run -- approve                 writes tools.approved.json, for you to review (Debug builds)
               dotnet run -- audit verify            says whether the audit is what was written
               dotnet run -- audit export            writes it as JSON Lines
               dotnet run -- backup FOLDER           copies the databases of the running server into a new folder
               settings can follow, such as --Storage:Directory=/srv/files
        """;

    private static readonly string[] Commands =
    [
        CheckCommand.Name, RevokeCommand.Name, AuditCommand.Name, BackupCommand.Name,
#if DEBUG
        TokenCommand.Name, ApproveCommand.Name,
#endif
    ];

    /// <summary>Whether something was typed that is no command and no setting.</summary>
    public static bool IsAskedFor(string[] args) => args is [var word, ..] && !Commands.Contains(word) && (!word.StartsWith('-') || word is "-h" or "--help" or "-?");

    public static async Task<int> ShowAsync()
    {
        await Console.Error.WriteLineAsync(Text);
        return 2;
    }
}
