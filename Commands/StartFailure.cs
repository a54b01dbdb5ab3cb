using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Commands;

/// <summary>Why the server did not start, in a line that an operator can act on. What is not foreseen here keeps its stack.</summary>
internal static class StartFailure
{
    public static string? Explain(Exception e) => e switch
    {
        SettingsException => e.Message,
        { InnerException: SettingsException inner } => inner.Message,
        // The development provider has no exception type of its own to say this with; a Release build has no such assembly.
        InvalidOperationException { Source: "McpFilesServer.Dev" } => e.Message,
        IOException { InnerException: AddressInUseException } => $"{e.Message.TrimEnd('.')}. Stop what runs there, or set Urls (and Mcp:Resource) to another port.",
        IOException or UnauthorizedAccessException or SqliteException => $"Storage:Directory cannot be used: {e.Message.TrimEnd('.')}. Name a folder that the server may write to.",
        InvalidDataException => $"A settings file is not valid JSON. {e.InnerException?.Message ?? e.Message}",
        FormatException or ArgumentException => $"A setting has the wrong form: {e.Message.TrimEnd('.')}. Correct it.",
        InvalidOperationException when e.Message.StartsWith("Configuration value", StringComparison.Ordinal) => $"A setting has the wrong form: {e.Message.TrimEnd('.')}. Correct it.",
        _ => null,
    };
}
