using Xunit;

namespace McpFilesServer.Tests.Host;

/// <summary>A server with tools that ask, for the tests of one class, which run one after the other.</summary>
public class Shredding : IAsyncLifetime
{
    private readonly Server _server;

    public Shredding()
        : this([])
    {
    }

    private protected Shredding(params (string Key, string Value)[] settings) => _server = new Server([("Limits:OpenQuestions", "100"), .. settings], services =>
    {
        Shreds.AddTo(services);
        Clock.Replace(services);
    });

    internal Server Server => _server;

    internal Shreds Shreds { get; } = new();

    internal MovedClock Clock { get; } = new();

    /// <summary>A token of a person through a client; by default of alice through c1.</summary>
    internal string Token(string scopes = "files:delete projects:read files:read projects:write", string? subject = null, string? client = null) => _server.Tokens.Forge(claims =>
    {
        // The clock only goes forward.
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        (claims["iat"], claims["exp"], claims["scope"]) = (now, now + 300, scopes);
        claims["sub"] = subject ?? claims["sub"]!.GetValue<string>();
        claims["client_id"] = client ?? "c1";
    });

    /// <summary>Of the audit, what became of questions since then, of all clients or of one: what and why.</summary>
    internal IReadOnlyList<string> Recorded(long after, string? client = null) =>
        [.. from row in _server.AuditRows(after) where row.GetProperty("kind").GetString() == "confirmation" && (client is null || row.GetProperty("client").GetString() == client) select $"{row.GetProperty("decision").GetString()} {row.GetProperty("reason").GetString()}"];

    internal long LastRecord => _server.AuditRows() is [.., var last] ? last.GetProperty("sequence").GetInt64() : 0;

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _server.DisposeAsync();
    }
}

/// <summary>The same, with sessions for older clients.</summary>
public sealed class HybridShredding() : Shredding(("Mcp:Sessions", "Hybrid"), ("Limits:Sessions", "1000"));
