using System.Globalization;
using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- revoke</c>: makes tokens that have been issued until now dead, from the next request of the running server on. It writes into that server's
/// database, so it is run with the same settings, on the same machine.
/// </summary>
internal sealed class RevokeCommand
{
    public const string Name = "revoke";

    private const string Usage =
        """
        usage: dotnet run -- revoke --user SUBJECT                    all tokens of a person
               dotnet run -- revoke --client CLIENT                   all tokens of a client
               dotnet run -- revoke --user SUBJECT --client CLIENT    what this client has of this person
               dotnet run -- revoke --session SID                     all tokens of a session at the issuer
               dotnet run -- revoke --token-id JTI                    one token; its token_id in the audit will do
               with several issuers also --issuer ISSUER
        """;

    private static readonly string[] Options = ["--user", "--client", "--token-id", "--session", "--issuer"];

    private readonly Dictionary<string, string> _options;

    private RevokeCommand(Dictionary<string, string> options) => _options = options;

    /// <summary>What was typed after <c>revoke</c>; null when it is not understood.</summary>
    public static RevokeCommand? Read(string[] args)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 1; i < args.Length; i++)
        {
            var parts = args[i].Split('=', 2);
            // A setting, such as --Storage:Directory, is read elsewhere.
            var isSetting = parts[0].StartsWith("--", StringComparison.Ordinal) && parts[0].Contains(':', StringComparison.Ordinal);
            var value = parts.Length == 2 ? parts[1] : ++i < args.Length ? args[i] : "";
            if (value.Length is 0 or > 512 || (!isSetting && (!Options.Contains(parts[0]) || value.StartsWith("--", StringComparison.Ordinal) || !options.TryAdd(parts[0], value))))
            {
                return null;
            }
        }

        // One thing is named, or a person and a client together.
        string[] named = [.. options.Keys.Where(key => key != "--issuer")];
        return named.Length == 1 || (named.Length == 2 && named.Contains("--user") && named.Contains("--client")) ? new RevokeCommand(options) : null;
    }

    public static async Task<int> ShowUsageAsync()
    {
        await Console.Error.WriteLineAsync(Usage);
        return 1;
    }

    public async Task<int> RunAsync(WebApplication app, TextWriter output, TextWriter error)
    {
        var (auth, storage, files) = (app.Services.GetRequiredService<AuthOptions>(), app.Services.GetRequiredService<StorageOptions>(), app.Services.GetRequiredService<FilesOptions>());
        // Looked at before anything opens it: a database that is made now is not that of the running server.
        var directory = Path.GetFullPath(storage.Directory, app.Environment.ContentRootPath);
        if (!File.Exists(Path.Combine(directory, DataSetup.DatabaseFile)))
        {
            await error.WriteLineAsync($"No server has run with Storage:Directory '{directory}' yet, so nothing was revoked. Use the settings of the running server.");
            return 1;
        }

        string[] issuers = [.. auth.Issuers.SelectMany(issuer => issuer.IssuerNames)];
        var issuer = _options.GetValueOrDefault("--issuer") ?? (issuers is [var only] ? only : null);
        if (issuer is null || !issuers.Contains(issuer))
        {
            await error.WriteLineAsync($"Nothing was revoked. Name the issuer of the tokens with --issuer: {string.Join(", ", issuers)}");
            return 1;
        }

        var now = app.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        var revocations = Revocations(issuer, files, now, auth.ClockSkew).ToList();
        await app.Services.GetRequiredService<IRevocations>().AddAsync(revocations, once: null, CancellationToken.None);
        try
        {
            await app.Services.GetRequiredService<IAudit>().RecordAsync(
                Record(revocations[0], app.Services.GetRequiredService<Surface>().PolicyVersion), CancellationToken.None);
        }
        catch (Exception e)
        {
            // It stands all the same: it only takes away.
            await error.WriteLineAsync($"Revoked {InWords(revocations[0])}, but the audit could not record it: {e.Message}");
            return 1;
        }

        await output.WriteLineAsync(
            $"Revoked {InWords(revocations[0])} that {issuer} has issued until now. This counts from the next request on, until {Text(revocations[0].IssuedUntil + auth.LongestUse)}, when all of it has expired anyway.");
        return 0;
    }

    private IEnumerable<Revocation> Revocations(string issuer, FilesOptions files, DateTimeOffset now, TimeSpan skew)
    {
        // The people of the development provider are known by name here; they are the only ones who are.
        var user = _options.TryGetValue("--user", out var typed) ? files.Welcome.FirstOrDefault(member => member.Name == typed)?.Subject ?? typed : null;
        var client = _options.GetValueOrDefault("--client");
        if (_options.TryGetValue("--token-id", out var id))
        {
            // Whatever it says of when it was issued, which may be a little ahead of our clock.
            yield return new Revocation(issuer, RevocationKind.Token, Caller.HashOf(id), "", now + skew);
            if (id.Length == Caller.HashOf("").Length)
            {
                yield return new Revocation(issuer, RevocationKind.Token, id, "", now + skew);
            }
        }
        else if (_options.TryGetValue("--session", out var session))
        {
            yield return new Revocation(issuer, RevocationKind.Session, session, "", now);
        }
        else
        {
            yield return user is null ? new Revocation(issuer, RevocationKind.Client, client!, "", now)
                : client is null ? new Revocation(issuer, RevocationKind.Subject, user, "", now)
                : new Revocation(issuer, RevocationKind.Grant, user, client, now);
        }
    }

    private string InWords(Revocation revocation) => revocation.Kind switch
    {
        RevocationKind.Token => $"the token {_options["--token-id"]}",
        RevocationKind.Session => $"every token of the session {revocation.Name}",
        RevocationKind.Client => $"every token of the client {revocation.Name}",
        RevocationKind.Subject => $"every token of the person {revocation.Name}",
        _ => $"every token that the client {revocation.Client} has of the person {revocation.Name}",
    };

    private static AuditRecord Record(Revocation revocation, string policyVersion) =>
        AuditRecord.OfRevocation("allow", $"operator_revoked_{revocation.Kind.ToString().ToLowerInvariant()}", policyVersion) with
        {
            Method = Name,
            Issuer = revocation.Issuer,
            Subject = revocation.Kind is RevocationKind.Subject or RevocationKind.Grant ? revocation.Name : null,
            Client = revocation.Kind is RevocationKind.Grant ? revocation.Client : revocation.Kind is RevocationKind.Client ? revocation.Name : null,
            TokenId = revocation.Kind is RevocationKind.Token ? revocation.Name : null,
            Target = revocation.Kind is RevocationKind.Session ? revocation.Name : null,
            Detail = $"by {Environment.UserName} of {Environment.MachineName}",
        };

    private static string Text(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
