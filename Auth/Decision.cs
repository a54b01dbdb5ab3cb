using McpFilesServer.Data;

namespace McpFilesServer.Auth;

/// <summary>What the gateway decided to let through: this caller, this operation, this message, and nothing else of this connection.</summary>
internal sealed class Decision(Caller caller, Operation operation, Envelope message) : IDownstreamToken
{
    private string? _downstreamToken;

    public Caller Caller => caller;

    public Operation Operation => operation;

    public Envelope Message => message;

    /// <summary>When the token expires, by the issuer's clock. What is still open then ends.</summary>
    public DateTimeOffset TokenExpires { get; init; }

    /// <summary>Why the exchange gave no token, in one plain sentence; null when it did, or none was declared.</summary>
    public string? ExchangeFault { get; set; }

    /// <summary>The token for the declared downstream API.</summary>
    /// <exception cref="InvalidOperationException">The operation declared no downstream API, so that there is none.</exception>
    public string DownstreamToken
    {
        get => _downstreamToken ?? throw new InvalidOperationException($"{operation.Target} declares no downstream API.");
        set => _downstreamToken = value;
    }

    /// <summary>The decision on the request that is being served.</summary>
    /// <exception cref="InvalidOperationException">The gateway has let nothing through here.</exception>
    public static Decision Current(IServiceProvider services) =>
        services.GetRequiredService<IHttpContextAccessor>().HttpContext?.Features.Get<Decision>()
        ?? throw new InvalidOperationException("Nothing has been decided on here.");
}
