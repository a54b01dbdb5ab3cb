namespace McpFilesServer.Auth;

/// <summary>Section <c>Auth</c>: whose tokens are accepted, and from which clients.</summary>
internal sealed class AuthOptions : ISettings
{
    public static string Section => "Auth";

    /// <summary>The issuers whose tokens are accepted. No issuer means that the server does not start: there is no anonymous mode.</summary>
    public IList<IssuerOptions> Issuers { get; set; } = [];

    /// <summary>The client ids that may call. Empty: any client that the issuer vouches for.</summary>
    public ISet<string> AllowedClients { get; set; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>How far the clocks of issuer and server may differ. Half a minute by default, and at most.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long after it was issued any token can be used: the longest lifetime of an issuer, and the clocks' difference.</summary>
    public TimeSpan LongestUse => Issuers.Max(issuer => issuer.LifetimeLimit) + ClockSkew;

    /// <summary>Whether a client may call. Client ids are compared exactly.</summary>
    public bool Allows(string client) => AllowedClients.Count == 0 || AllowedClients.Contains(client);

    /// <summary>Scopes as an issuer wants to be asked for them: the first issuer, while it is not known whose token it is.</summary>
    public string Prefixed(string scopes, string? issuer)
    {
        var prefix = (Issuers.FirstOrDefault(options => issuer is not null && options.Issues(issuer)) ?? Issuers[0]).ScopePrefix;
        return prefix.Length == 0 ? scopes : string.Join(' ', scopes.Split(' ').Select(scope => prefix + scope));
    }

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

        foreach (var twice in Issuers.Where(issuer => Uri.TryCreate(issuer.Authority, UriKind.Absolute, out _))
            .SelectMany(issuer => issuer.IssuerNames).GroupBy(name => name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            yield return $"Auth:Issuers has '{twice.Key}' more than once. Each issuer stands there once.";
        }

        if (AllowedClients.Any(client => client.Length == 0 || client.Contains('*', StringComparison.Ordinal)))
        {
            yield return "Auth:AllowedClients has an empty entry or a wildcard. Client ids are compared exactly; leave the list empty to allow any.";
        }

        if (ClockSkew < TimeSpan.Zero || ClockSkew > TimeSpan.FromSeconds(30))
        {
            yield return $"Auth:ClockSkew {ClockSkew} must be between zero and 00:00:30. Let the servers keep time instead.";
        }
    }
}
