using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using Microsoft.AspNetCore.DataProtection;

namespace McpFilesServer.Tools;

/// <summary>
/// Where the next page of a listing begins, as a text that only this server can read and make, and that only the same person, through the same client, can use for
/// the same listing, for an hour. The keys are in the storage folder: a cursor outlives a restart. It grants nothing: a page is read with the rights of its own call.
/// </summary>
internal sealed class Cursors(IDataProtectionProvider protection, TimeProvider time, Caller caller)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>The description of the argument that every listing has.</summary>
    public const string Argument = "The next_cursor of the page before. The other arguments stay the same; limit may change.";

    /// <summary>The longest cursor, in characters.</summary>
    public const int MaxLength = 4096;

    /// <summary>The cursors of one listing.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="arguments">Everything that decides what is listed and in which order: the project, the path, the sort order.</param>
    public CursorsOf Of(string tool, params string[] arguments) => new(
        protection.CreateProtector("cursor", [caller.Issuer, caller.Subject, caller.Client, tool, .. arguments]), time, Lifetime);
}

/// <summary>The cursors of one listing of one caller.</summary>
internal sealed class CursorsOf(IDataProtector protector, TimeProvider time, TimeSpan lifetime)
{
    /// <summary>A cursor for a position; null for none, on the last page.</summary>
    public string? Seal<T>(T? position) where T : class => position is null ? null : Base64Url.EncodeToString(protector.Protect(
        JsonSerializer.SerializeToUtf8Bytes(new Sealed<T>(time.GetUtcNow().Add(lifetime).ToUnixTimeSeconds(), position))));

    /// <summary>The position that a cursor names; null for the first page.</summary>
    /// <exception cref="ProblemException">It is edited, somebody else's, of another listing, or too old: one answer for all.</exception>
    public T? Open<T>(string? cursor) where T : class
    {
        if (cursor is null)
        {
            return null;
        }

        try
        {
            var opened = JsonSerializer.Deserialize<Sealed<T>>(protector.Unprotect(Base64Url.DecodeFromChars(cursor)))!;
            return opened.Until >= time.GetUtcNow().ToUnixTimeSeconds() ? opened.Position : throw Refused();
        }
        catch (Exception e) when (e is CryptographicException or FormatException or JsonException)
        {
            throw Refused();
        }
    }

    private static ProblemException Refused() => new("The cursor does not belong to this listing, or is too old. Begin again without one.");

    private sealed record Sealed<T>(long Until, T Position);
}
