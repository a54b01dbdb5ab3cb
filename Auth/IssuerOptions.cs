namespace McpFilesServer.Auth;

/// <summary>The forms of access tokens that this server knows how to check.</summary>
internal enum TokenProfile
{
    /// <summary>JWT access tokens as RFC 9068 defines them.</summary>
    Rfc9068,

    /// <summary>Access tokens of Microsoft Entra ID, v2.0.</summary>
    Entra,
}

/// <summary>One issuer: what its tokens must look like.</summary>
internal sealed class IssuerOptions
{
    /// <summary>
    /// The exact <c>iss</c> of its tokens, compared as a string; keys come from its discovery document. For Entra
    /// <c>https://login.microsoftonline.com/{tenant}/v2.0</c>, or <c>organizations</c> in place of a tenant.
    /// </summary>
    public string Authority { get; set; } = "";

    /// <summary>The form of its access tokens.</summary>
    public TokenProfile Profile { get; set; } = TokenProfile.Rfc9068;

    /// <summary>
    /// The longest <c>exp - iat</c> that is accepted; ninety minutes at most. Default: five minutes, and for Entra fifteen, because it cannot issue
    /// below ten and back-dates <c>iat</c> by five.
    /// </summary>
    public TimeSpan? MaxTokenLifetime { get; set; }

    /// <summary>What stands before each scope in challenges and metadata (never in the check), for issuers that want it so.</summary>
    public string ScopePrefix { get; set; } = "";

    /// <summary>The audience of its tokens, when it differs from <c>Mcp:Resource</c>. For Entra: the server's application id, a GUID.</summary>
    public string? Audience { get; set; }

    /// <summary>The ids of the tenants whose people may call. For Entra, where all tenants share their keys.</summary>
    public ISet<string> AllowedTenants { get; set; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Where the issuer is asked, on every request, whether the token is still active (RFC 7662). Null: it is not asked.</summary>
    public IntrospectionOptions? Introspection { get; set; }

    /// <summary><see cref="MaxTokenLifetime"/>, or the default of the profile.</summary>
    public TimeSpan LifetimeLimit => MaxTokenLifetime ?? TimeSpan.FromMinutes(Profile == TokenProfile.Entra ? 15 : 5);

    /// <summary>Every <c>iss</c> that its tokens may have: one, or one for each tenant.</summary>
    public IEnumerable<string> IssuerNames => Profile == TokenProfile.Entra ? AllowedTenants.Select(tenant => Entra.IssuerOf(Authority, tenant)) : [Authority];

    /// <summary>Whether a token with this <c>iss</c> is one of its own.</summary>
    public bool Issues(string iss) => IssuerNames.Contains(iss, StringComparer.Ordinal);

    public IEnumerable<string> Problems(string name, IHostEnvironment environment)
    {
        if (!Uri.TryCreate(Authority, UriKind.Absolute, out var authority) || authority.Scheme is not ("http" or "https"))
        {
            yield return $"{name}:Authority must be the exact issuer URL of the access tokens.";
            yield break;
        }

        if (!environment.IsDevelopment() && authority.IsLoopback)
        {
            yield return $"{name}:Authority '{Authority}' is on this machine: a development issuer. Set it to the issuer of {environment.EnvironmentName}.";
        }
        else if (authority.Scheme != "https" && !authority.IsLoopback)
        {
            yield return $"{name}:Authority '{Authority}' must be https (plain http is for a loopback address in Development).";
        }

        if (LifetimeLimit <= TimeSpan.Zero || LifetimeLimit > TimeSpan.FromMinutes(90))
        {
            yield return $"{name}:MaxTokenLifetime must be more than zero and at most 01:30:00.";
        }

        foreach (var problem in Introspection?.Problems($"{name}:{nameof(Introspection)}", Profile, environment) ?? [])
        {
            yield return problem;
        }

        if (ScopePrefix.Any(c => c is <= ' ' or >= '\x7f' or '"' or '\\'))
        {
            yield return $"{name}:ScopePrefix '{ScopePrefix}' has a character that no scope can have (RFC 6749 §3.3).";
        }

        if (Audience is not null && (string.IsNullOrWhiteSpace(Audience) || Audience.Contains('*', StringComparison.Ordinal)))
        {
            yield return $"{name}:Audience '{Audience}' must be one exact audience. Remove it to use Mcp:Resource.";
        }

        if (Profile == TokenProfile.Entra && !Guid.TryParse(Audience, out _))
        {
            yield return $"{name}:Audience must be the application id (a GUID) of this server at Entra: that is the audience of its v2.0 tokens.";
        }

        if (Profile == TokenProfile.Entra && (AllowedTenants.Count == 0 || AllowedTenants.Any(tenant => !Guid.TryParseExact(tenant, "D", out _) || tenant.Any(char.IsAsciiLetterUpper))))
        {
            yield return $"{name}:AllowedTenants must name the tenants whose people may call, by their ids (GUIDs, lower case).";
        }

        if (Profile != TokenProfile.Entra && AllowedTenants.Count > 0)
        {
            yield return $"{name}:AllowedTenants is for the profile Entra. Remove it, or set {name}:Profile.";
        }
    }
}
