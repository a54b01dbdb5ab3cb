namespace McpFilesServer.Commands;

/// <summary>What was typed after <c>dotnet run --</c>. Nothing but settings means: serve.</summary>
internal static class CommandLine
{
    /// <summary>Whether something was typed that is no command, no setting, or half of one.</summary>
    public static bool IsMisspelt(string[] args) => args is [RevokeCommand.Name, ..] ? RevokeCommand.Read(args) is null : Usage.IsAskedFor(args);

    public static Task<int> ExplainAsync(string[] args) => args is [RevokeCommand.Name, ..] ? RevokeCommand.ShowUsageAsync() : Usage.ShowAsync();

    /// <summary>Runs a command that takes settings and no server.</summary>
    /// <returns>The exit status; null when what was typed is no such command.</returns>
    public static async Task<int?> RunWithoutServerAsync(string[] args, WebApplicationBuilder builder) => args switch
    {
#if DEBUG
        [TokenCommand.Name, ..] => await TokenCommand.RunAsync(args, builder.Configuration, builder.Environment),
#endif
        [AuditCommand.Name, ..] => AuditCommand.Run(args, builder, Console.Out, Console.Error),
        [BackupCommand.Name, ..] => BackupCommand.Run(args, builder, Console.Out, Console.Error),
        _ => await Task.FromResult<int?>(null),
    };

    /// <summary>Runs a command that takes a server which is built and does not run.</summary>
    /// <returns>The exit status; null when what was typed is no such command.</returns>
    public static async Task<int?> RunAsync(string[] args, WebApplication app) => args switch
    {
        [CheckCommand.Name, ..] => CheckCommand.Describe(app, Console.Out),
        [RevokeCommand.Name, ..] => await RevokeCommand.Read(args)!.RunAsync(app, Console.Out, Console.Error),
        _ => null,
    };
}
