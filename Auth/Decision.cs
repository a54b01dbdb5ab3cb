using McpFilesServer.Data;

namespace McpFilesServer.Auth;

/// <summary>What the gateway decided to let through: this caller, this operation, this message, and nothing else of this connection.</summary>
internal sealed class Decision(Caller caller, Operation operation, Envelope message) : IDownstreamToken
{
    private string? _downstreamToken;

    public Caller Caller => caller;

    IPerson IDownstreamToken.Person => caller;

    public Operation Operation => operation;

    public Envelope Message => message;

    /// <summary>What becomes of it.</summary>
    public required CallOutcome Outcome { get; init; }

    /// <summary>Whether the client speaks an initialize-based version, which knows no second round of a call.</summary>
    public required bool IsLegacy { get; init; }

    /// <summary>The session of an older client, through which it can be asked something; null where there are none.</summary>
    public Session? Session { get; init; }

    /// <summary>Ends when the client is no longer there to be answered.</summary>
    public required CancellationToken Aborted { get; init; }

    /// <summary>Why the exchange gave no token, in one plain sentence; null when it did, or none was declared.</summary>
    public string? ExchangeFault { get; set; }

    /// <summary>A hash of the id of the token for the declared downstream API; null when there is none.</summary>
    public string? DownstreamTokenId => _downstreamToken is null ? null : IssuedToken.HashOfId(_downstreamToken);

    /// <summary>The token for the declared downstream API.</summary>
    /// <exception cref="InvalidOperationException">The operation declared no downstream API, so that there is none.</exception>
    public string DownstreamToken
    {
        get => _downstreamToken ?? throw new InvalidOperationException($"{operation.Target} declares no downstream API.");
        set => _downstreamToken = value;
    }

    /// <summary>Whether a request carries the token that was exchanged for this call.</summary>
    public bool IsFor(HttpRequestMessage request) => _downstreamToken is not null && request.Headers.Authorization?.Parameter == _downstreamToken;

    /// <summary>The decision on the request that is being served.</summary>
    /// <exception cref="InvalidOperationException">The gateway has let nothing through here.</exception>
    public static Decision Current(IServiceProvider services) =>
        services.GetRequiredService<IHttpContextAccessor>().HttpContext?.Features.Get<Decision>()
        ?? throw new InvalidOperationException("Nothing has been decided on here.");
}
