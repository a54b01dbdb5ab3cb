using System.Net.Sockets;
using System.Security.Cryptography;
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
        SocketException => $"Urls: this server cannot listen there ({e.Message.TrimEnd('.')}). Name an address of this machine; a port below 1024 takes a right of its own.",
        InvalidOperationException when e.Message.StartsWith("Unable to configure HTTPS endpoint", StringComparison.Ordinal) =>
            "Urls names an https address, and there is no certificate for it. Run 'dotnet dev-certs https', set Kestrel:Certificates:Default:Path, or listen on http behind a reverse proxy that ends TLS.",
        IOException or UnauthorizedAccessException or CryptographicException when e.StackTrace?.Contains("CertificateConfigLoader", StringComparison.Ordinal) == true =>
            $"Kestrel: the certificate cannot be read ({e.Message.TrimEnd('.')}). Correct its Path and KeyPath or Password.",
        IOException or UnauthorizedAccessException or SqliteException => $"Storage:Directory cannot be used: {e.Message.TrimEnd('.')}. Name a folder that the server may write to.",
        InvalidDataException => $"A settings file is not valid JSON. {e.InnerException?.Message ?? e.Message}",
        FormatException or ArgumentException => $"A setting has the wrong form: {e.Message.TrimEnd('.')}. Correct it.",
        InvalidOperationException when e.Message.StartsWith("Configuration value", StringComparison.Ordinal) => $"A setting has the wrong form: {e.Message.TrimEnd('.')}. Correct it.",
        _ => null,
    };
}
