namespace McpFilesServer.Auth;

/// <summary>How an issuer is asked whether a token is still active (RFC 7662). Each request waits for the answer, up to two seconds; no answer is a 503.</summary>
internal sealed class IntrospectionOptions
{
    /// <summary>The issuer's introspection endpoint. The access token is sent there, so it must be the issuer's own.</summary>
    public string Endpoint { get; set; } = "";

    /// <summary>The id that this server has at the issuer for asking.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>Its secret. In Production from the environment or a secret store, never from a settings file.</summary>
    public string ClientSecret { get; set; } = "";

    public IEnumerable<string> Problems(string name, TokenProfile profile, IHostEnvironment environment)
    {
        if (profile == TokenProfile.Entra)
        {
            yield return $"{name} is set, and Entra has no introspection. Remove it.";
        }
        else if (!Uri.TryCreate(Endpoint, UriKind.Absolute, out var endpoint) || endpoint.UserInfo.Length > 0 || endpoint.Fragment.Length > 0
            || !(endpoint.Scheme == "https" || (environment.IsDevelopment() && endpoint is { Scheme: "http", IsLoopback: true })))
        {
            yield return $"{name}:Endpoint must be the https URL of the issuer's introspection endpoint (plain http is for a loopback address in Development).";
        }
        else if (ClientId.Length == 0 || ClientSecret.Length == 0)
        {
            yield return $"{name} needs ClientId and ClientSecret: an issuer answers nobody whom it does not know (RFC 7662 §2.1).";
        }
    }
}
