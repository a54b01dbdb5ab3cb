using McpFilesServer.Data;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- backup FOLDER</c>: copies both databases, each as it is at one moment, and the audit's anchor into a folder that is not there yet, beside the running server.
/// Files are copied after that, by the operator's own tools: <c>deploy/backup.sh</c>.
/// </summary>
internal static class BackupCommand
{
    public const string Name = "backup";

    public static int Run(string[] args, WebApplicationBuilder builder, TextWriter output, TextWriter error)
    {
        if (args.Skip(1).TakeWhile(word => !word.StartsWith('-')).ToArray() is not [var folder])
        {
            error.WriteLine("usage: dotnet run -- backup FOLDER    copies the databases of the running server into a new folder");
            return 2;
        }

        try
        {
            foreach (var file in builder.BackUp(Path.GetFullPath(folder)))
            {
                output.WriteLine(file);
            }

            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            error.WriteLine($"The databases could not be copied: {e.Message.TrimEnd('.')}. Is Storage:Directory the one of the server, and is the folder a new one?");
            return 1;
        }
    }
}
