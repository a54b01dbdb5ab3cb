namespace McpFilesServer.Auth;

/// <summary>Section <c>Auth</c>: whose tokens are accepted, and from which clients.</summary>
internal sealed class AuthOptions : ISettings
{
    public static string Section => "Auth";

    /// <summary>The issuers whose tokens are accepted. No issuer means that the server does not start: there is no anonymous mode.</summary>
    public IList<IssuerOptions> Issuers { get; set; } = [];

    /// <summary>The client ids that may call. Empty: any client that the issuer vouches for.</summary>
    public ISet<string> AllowedClients { get; set; } = new HashSet<string>(StringComparer.Ordinal);

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (Issuers.Count == 0)
        {
            yield return "Auth:Issuers:0:Authority is missing. Set it to the exact issuer of the access tokens; this server has no anonymous mode.";
        }

        for (var i = 0; i < Issuers.Count; i++)
        {
            foreach (var problem in Issuers[i].Problems($"Auth:Issuers:{i}", environment))
            {
                yield return problem;
            }
        }

        foreach (var twice in Issuers.GroupBy(issuer => issuer.Authority).Where(group => group.Count() > 1))
        {
            yield return $"Auth:Issuers has '{twice.Key}' more than once. Each issuer stands there once.";
        }
    }
}

/// <summary>One issuer: what its tokens must look like.</summary>
internal sealed class IssuerOptions
{
    /// <summary>The exact <c>iss</c> of its tokens, compared as a string; keys come from its discovery document.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The form of its access tokens.</summary>
    public TokenProfile Profile { get; set; } = TokenProfile.Rfc9068;

    /// <summary>The longest <c>exp - iat</c> that is accepted. Five minutes by default, ninety at most.</summary>
    public TimeSpan MaxTokenLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>What stands before each scope in challenges and metadata (never in the check), for issuers that want it so.</summary>
    public string ScopePrefix { get; set; } = "";

    /// <summary>The audience of its tokens, when it differs from <c>Mcp:Resource</c>.</summary>
    public string? Audience { get; set; }

    public IEnumerable<string> Problems(string name, IHostEnvironment environment)
    {
        if (!Uri.TryCreate(Authority, UriKind.Absolute, out var authority) || authority.Scheme is not ("http" or "https"))
        {
            yield return $"{name}:Authority must be the exact issuer URL of the access tokens.";
        }
        else if (authority.Scheme != "https" && !(environment.IsDevelopment() && authority.IsLoopback))
        {
            yield return $"{name}:Authority '{Authority}' must be https (plain http is for a loopback address in Development).";
        }

        if (MaxTokenLifetime <= TimeSpan.Zero || MaxTokenLifetime > TimeSpan.FromMinutes(90))
        {
            yield return $"{name}:MaxTokenLifetime must be more than zero and at most 01:30:00.";
        }
    }
}

/// <summary>The forms of access tokens that this server knows how to check.</summary>
internal enum TokenProfile
{
    /// <summary>JWT access tokens as RFC 9068 defines them.</summary>
    Rfc9068,
}
