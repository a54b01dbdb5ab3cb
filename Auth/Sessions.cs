using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Auth;

/// <summary>
/// A connection that an older client keeps, so that it can be asked something while its request is being served. It belongs to one person and one
/// client, and grants nothing: each request in it is decided on as if there were none.
/// </summary>
internal sealed class Session(Caller owner)
{
    private readonly ConcurrentDictionary<string, Operation> _asked = new(StringComparer.Ordinal);

    /// <summary>Whether it belongs to this person, through this client (CVE-2026-52869: the SDK looks at the person alone).</summary>
    public bool IsOf(Caller caller) => (owner.Issuer, owner.Subject, owner.Client) == (caller.Issuer, caller.Subject, caller.Client);

    /// <summary>Notes that the client is about to be asked something, so that its answer can come in.</summary>
    /// <returns>The id to ask under.</returns>
    public string Ask(Operation operation)
    {
        var id = RandomNumberGenerator.GetHexString(32, lowercase: true);
        _asked[id] = operation;
        return id;
    }

    /// <summary>What the question of this id is about; null when nothing is open under it.</summary>
    public Operation? Asked(JsonElement id) => id.ValueKind == JsonValueKind.String ? _asked.GetValueOrDefault(id.GetString()!) : null;

    /// <summary>Ends a question.</summary>
    /// <returns>Whether it was open.</returns>
    public bool End(string id) => _asked.TryRemove(id, out _);
}

/// <summary>
/// Whose the SDK's sessions are. The SDK makes them, with ids of 128 random bits, keeps them in the memory of this process and ends them when they are
/// idle; this is the list that the gateway looks at first.
/// </summary>
internal sealed class Sessions(McpOptions mcp, LimitsOptions limits)
{
    public const string Header = "Mcp-Session-Id";

    /// <summary>How long a session may be idle. What it is for, a question, is over after two minutes.</summary>
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(10);

    /// <summary>How many there may be of all callers together.</summary>
    private const int Most = 1000;

    private readonly Dictionary<string, Session> _open = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public bool AreServed => mcp.Sessions == SessionMode.Hybrid;

    /// <summary>Finds the session of a request of an older client, or makes room for the one that it begins.</summary>
    /// <returns>The refusal when it has none and needs one, or one that is not its own.</returns>
    public Refusal? Judge(HttpContext http, Caller caller, string? method, out Session? session)
    {
        session = null;
        if (!AreServed || !ProtocolHeaders.IsLegacy(http.Request))
        {
            return null;
        }

        if (method == RequestMethods.Initialize)
        {
            return MakeRoom(http, caller) ? null : Refusal.TooManySessions;
        }

        if (http.Request.Headers[Header] is not [{ Length: > 0 } id])
        {
            return Refusal.SessionMissing;
        }

        lock (_lock)
        {
            session = _open.GetValueOrDefault(id);
        }

        return session is null ? Refusal.SessionUnknown : session.IsOf(caller) ? null : Refusal.SessionOfAnother;
    }

    /// <summary>Runs a session of the SDK, and knows of it exactly as long as it runs.</summary>
    public async Task RunAsync(HttpContext http, McpServer server, CancellationToken cancellationToken)
    {
        if (server.SessionId is { } id)
        {
            lock (_lock)
            {
                _open.Remove((string)http.Items[typeof(Session)]!);
                _open.Add(id, new Session(http.Features.Get<Decision>()!.Caller));
            }
        }

        try
        {
            await server.RunAsync(cancellationToken);
        }
        finally
        {
            lock (_lock)
            {
                _open.Remove(server.SessionId ?? "");
            }
        }
    }

    /// <summary>Takes the place that the session will have; it is free again when none comes of it.</summary>
    private bool MakeRoom(HttpContext http, Caller caller)
    {
        var place = $"a place for {http.TraceIdentifier} {Guid.NewGuid()}";
        lock (_lock)
        {
            if (_open.Count >= Most || _open.Values.Count(session => session.IsOf(caller)) >= limits.Sessions)
            {
                return false;
            }

            _open.Add(place, new Session(caller));
        }

        http.Items[typeof(Session)] = place;
        http.Response.OnCompleted(() =>
        {
            lock (_lock)
            {
                _open.Remove(place);
            }

            return Task.CompletedTask;
        });
        return true;
    }
}
