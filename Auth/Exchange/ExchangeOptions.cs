using System.Security.Cryptography;

namespace McpFilesServer.Auth;

/// <summary>How the issuer wants to be asked.</summary>
internal enum ExchangeGrant
{
    /// <summary>RFC 7523 with <c>requested_token_use=on_behalf_of</c>, by Microsoft.Identity.Web: Entra ID, and the development provider.</summary>
    OnBehalfOf,

    /// <summary>RFC 8693.</summary>
    TokenExchange,
}

/// <summary>Which scopes an exchanged token may have.</summary>
internal enum AcceptedScopes
{
    /// <summary>No others than the tool asked for.</summary>
    Asked,

    /// <summary>
    /// Any that the settings list for the downstream API. For Entra ID, whose tokens always have everything that the application has been granted there,
    /// whatever it asks for.
    /// </summary>
    Listed,
}

/// <summary>
/// Section <c>Exchange</c>: how a caller's token becomes one for a downstream API. As whom this server asks stands in section <c>Obo</c>, which is
/// Microsoft.Identity.Web's; of that, RFC 8693 takes <c>ClientId</c>.
/// </summary>
internal sealed class ExchangeOptions : ISettings
{
    public static string Section => "Exchange";

    /// <summary>How the issuer wants to be asked.</summary>
    public ExchangeGrant Grant { get; set; }

    /// <summary>The longest life that an exchanged token may have: five minutes by default, ninety at most. One that lives longer is refused.</summary>
    public TimeSpan MaxTokenLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Which scopes an exchanged token may have.</summary>
    public AcceptedScopes AcceptedScopes { get; set; }

    /// <summary>How many exchanges run at once, for all callers; one person has a quarter of them. The rest waits its turn, and not longer than a decision may take.</summary>
    public int AtOnce { get; set; } = 32;

    /// <summary>RFC 8693: the token endpoint.</summary>
    public string? TokenEndpoint { get; set; }

    /// <summary>RFC 8693: the exact identifier of the issuer, the only audience of the assertions that this server signs (RFC 9700 §2.5).</summary>
    public string? Issuer { get; set; }

    /// <summary>RFC 8693: a file with the private key, in PEM (RSA of 2048 bits or more, or EC P-256), that this server proves itself with (private_key_jwt).</summary>
    public string? KeyFile { get; set; }

    /// <summary>RFC 8693: the key's id at the issuer; its thumbprint (RFC 7638) when it is not set.</summary>
    public string? KeyId { get; set; }

    /// <summary>RFC 8693, in Development only: a secret instead of a key.</summary>
    public string? ClientSecret { get; set; }

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (!Enum.IsDefined(Grant) || !Enum.IsDefined(AcceptedScopes))
        {
            yield return "Exchange:Grant must be OnBehalfOf or TokenExchange, and Exchange:AcceptedScopes Asked or Listed.";
        }

        if (MaxTokenLifetime <= TimeSpan.Zero || MaxTokenLifetime > TimeSpan.FromMinutes(90))
        {
            yield return "Exchange:MaxTokenLifetime must be more than zero and at most 01:30:00.";
        }

        if (AtOnce is < 1 or > 1000)
        {
            yield return "Exchange:AtOnce must be between 1 and 1000.";
        }

        foreach (var problem in Grant == ExchangeGrant.TokenExchange ? TokenExchangeProblems(environment) : OnBehalfOfProblems())
        {
            yield return problem;
        }
    }

    private IEnumerable<string> OnBehalfOfProblems() =>
        (TokenEndpoint ?? Issuer ?? KeyFile ?? KeyId ?? ClientSecret) is null ? []
            : ["Exchange: TokenEndpoint, Issuer, KeyFile, KeyId and ClientSecret are for Exchange:Grant TokenExchange. Remove them, or set it; On-Behalf-Of takes Obo:ClientCredentials."];

    private IEnumerable<string> TokenExchangeProblems(IHostEnvironment environment)
    {
        if (!Uri.TryCreate(TokenEndpoint, UriKind.Absolute, out var endpoint) || endpoint.UserInfo.Length > 0 || endpoint.Fragment.Length > 0
            || !(endpoint.Scheme == "https" || (environment.IsDevelopment() && endpoint is { Scheme: "http", IsLoopback: true })))
        {
            yield return "Exchange:TokenEndpoint must be the https URL of the issuer's token endpoint (plain http is for a loopback address in Development).";
        }

        if (ClientSecret is not null && !environment.IsDevelopment())
        {
            yield return "Exchange:ClientSecret is a plain secret, which is for Development. Remove it, and set Exchange:KeyFile to a private key.";
        }
        else if (KeyFile is null == ClientSecret is null)
        {
            yield return "Exchange:KeyFile must name the file with the private key of this server (PEM). In Development Exchange:ClientSecret can stand in its place.";
        }

        if (KeyFile is not null && string.IsNullOrWhiteSpace(Issuer))
        {
            yield return "Exchange:Issuer must be the exact identifier of the issuer: it is the audience of what this server signs for it.";
        }

        if (KeyFile is not null && Unreadable(KeyFile) is { } why)
        {
            yield return $"Exchange:KeyFile '{KeyFile}' cannot be used: {why}. Name a PEM file with an RSA key of 2048 bits or more, or an EC key (P-256).";
        }
    }

    private static string? Unreadable(string file)
    {
        try
        {
            ClientAssertion.Read(file);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            return e is IOException or UnauthorizedAccessException ? "it cannot be read" : "it has no such key";
        }
    }
}
