using System.Collections.Frozen;
using System.Security.Claims;
using Microsoft.Identity.Client;
using Microsoft.Identity.Client.Extensibility;
using Microsoft.Identity.Web;

namespace McpFilesServer.Auth;

/// <summary>
/// Exchanges the caller's token On-Behalf-Of him for one of a downstream API, with just the scopes that the operation declared. One
/// exchange for each call, nothing kept. It has no other identity to fall back to: without a caller's token there is no token.
/// </summary>
internal sealed class Exchange
{
    /// <summary>The scheme of Microsoft.Identity.Web that holds the settings of section <c>Obo</c>. It validates nothing.</summary>
    public const string Scheme = "Obo";

    /// <summary>The longest life that an exchanged token may have.</summary>
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromMinutes(5);

    private const string NotSetUp = "This server is not set up to call the service that this tool needs. Tell its operator.";

    private const string TryAgain = "The downstream service could not be reached on your behalf. Try again in a minute.";

    private readonly AuthOptions _auth;
    private readonly McpOptions _mcp;
    private readonly ILogger<Exchange> _log;
    private readonly FrozenDictionary<Operation, string[]> _scopes;

    /// <exception cref="SettingsException">An operation declares a downstream scope that the settings do not list.</exception>
    public Exchange(Surface surface, IConfiguration configuration, AuthOptions auth, McpOptions mcp, ILogger<Exchange> log)
    {
        (_auth, _mcp, _log) = (auth, mcp, log);
        _scopes = surface.Operations.Where(operation => operation.Downstream is not null).ToFrozenDictionary(
            operation => operation,
            operation => operation.Downstream!.Scopes.Select(scope => FullName(configuration, operation.Downstream.Resource, scope)).ToArray());
        IsConfigured = IsConfiguredIn(configuration);
    }

    /// <summary>Whether there is an issuer to exchange at. Without one, tools that declare a downstream API say so; nothing else happens in their place.</summary>
    public bool IsConfigured { get; }

    public static bool IsConfiguredIn(IConfiguration configuration) => !string.IsNullOrEmpty(configuration[$"{Scheme}:ClientId"]);

    /// <summary>Puts the downstream token into the decision; or the fault that the tool's answer will be.</summary>
    /// <returns>A refusal when the client can do something about it: the issuer wants the person to sign in again, with claims.</returns>
    public async Task<Refusal?> ForAsync(Decision decision, HttpContext http, CancellationToken cancellationToken)
    {
        if (!IsConfigured)
        {
            _log.LogError("{Operation} needs a token exchange, and section Obo is not configured", decision.Operation.Target);
            decision.ExchangeFault = NotSetUp;
            return null;
        }

        try
        {
            decision.DownstreamToken = await AcquireAsync(http, _scopes[decision.Operation], cancellationToken);
        }
        catch (MicrosoftIdentityWebChallengeUserException e) when (e.MsalUiRequiredException.Claims is { Length: > 0 and <= 8192 } claims)
        {
            return Refusal.ClaimsNeeded(_auth.Prefixed(_mcp.BaselineScopes, decision.Caller.Issuer), claims);
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            // Whatever an issuer does, also nothing until the deadline: the caller hears one sentence, and there is no other way to a token.
            var error = (e.InnerException as MsalException ?? e as MsalException)?.ErrorCode ?? (e as ExchangeRefusedException)?.Message ?? e.GetType().Name;
            _log.LogWarning("The exchange for {Operation} failed: {Error}", decision.Operation.Target, error);
            decision.ExchangeFault = TryAgain;
        }

        return null;
    }

    private static async Task<string> AcquireAsync(HttpContext http, string[] scopes, CancellationToken cancellationToken)
    {
        var acquisition = http.RequestServices.GetRequiredService<ITokenAcquisition>();
        var result = await acquisition.GetAuthenticationResultForUserAsync(
            scopes,
            authenticationScheme: Scheme,
            user: new ClaimsPrincipal(http.User.Identity!),
            tokenAcquisitionOptions: new TokenAcquisitionOptions { CancellationToken = cancellationToken });
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        return result.TokenType != "Bearer" ? throw new ExchangeRefusedException("token_of_another_type")
            : result.Scopes.Except(scopes, StringComparer.Ordinal).Any() ? throw new ExchangeRefusedException("token_scopes_wider")
            // A second for the way here: the library counts from when the answer arrived.
            : result.ExpiresOn > time.GetUtcNow() + MaxLifetime + TimeSpan.FromSeconds(1) ? throw new ExchangeRefusedException("token_lives_too_long")
            : result.AccessToken;
    }

    /// <summary>A declared scope as the issuer knows it: the one entry of the downstream API's <c>Scopes</c> setting that ends with it.</summary>
    /// <exception cref="SettingsException">The setting does not list it.</exception>
    private static string FullName(IConfiguration configuration, string resource, string scope)
    {
        var allowed = configuration.GetSection($"{resource}:Scopes").Get<string[]>() ?? [];
        return allowed.FirstOrDefault(name => name == scope || name.EndsWith($"/{scope}", StringComparison.Ordinal))
            ?? throw new SettingsException($"{resource}:Scopes does not list '{scope}', which a tool declares. Add its full name, such as https://graph.microsoft.com/{scope}.");
    }

    /// <summary>
    /// Takes out what MSAL adds of its own to every request: an ID token, a profile and a refresh token have no use here, and what is
    /// not asked for cannot be lost.
    /// </summary>
    public static void AskForNothingElse(TokenAcquisitionExtensionOptions options) =>
        options.OnBeforeTokenAcquisitionForOnBehalfOf += (builder, _, _) => builder.OnBeforeTokenRequest(request =>
        {
            request.BodyParameters["scope"] = string.Join(' ', request.BodyParameters["scope"].Split(' ')
                .Where(scope => scope is not ("openid" or "profile" or "offline_access")));
            return Task.CompletedTask;
        });

    /// <summary>The issuer gave a token that this server does not take.</summary>
    private sealed class ExchangeRefusedException(string reason) : Exception(reason);
}
