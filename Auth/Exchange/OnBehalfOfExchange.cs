using System.Diagnostics;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.Identity.Client;
using Microsoft.Identity.Client.Extensibility;
using Microsoft.Identity.Web;

namespace McpFilesServer.Auth;

/// <summary>
/// On-Behalf-Of, by Microsoft.Identity.Web: how Entra ID wants it. The library would keep tokens, take the tenant from the caller's token and ask for an
/// identity and a refresh token on the side; here it does none of that.
/// </summary>
internal sealed class OnBehalfOfExchange(IHttpContextAccessor accessor, IConfiguration configuration) : ITokenExchange
{
    /// <summary>What MSAL adds to every request. It has no use here, and what is not asked for cannot be lost.</summary>
    private static readonly string[] Additions = ["openid", "profile", "offline_access"];

    /// <summary>The one tenant where tokens are exchanged. Null for an issuer that has none.</summary>
    private readonly string? _tenant = configuration[$"{Exchange.Scheme}:TenantId"] is { Length: > 0 } tenant ? tenant : null;

    public async Task<ExchangedToken> ExchangeAsync(string token, DownstreamTarget target, CancellationToken cancellationToken)
    {
        // The library finds the assertion on the identity, and there is nothing else on this one that it could follow.
        var user = new ClaimsPrincipal(new ClaimsIdentity { BootstrapContext = token });
        try
        {
            var result = await accessor.HttpContext!.RequestServices.GetRequiredService<ITokenAcquisition>().GetAuthenticationResultForUserAsync(
                target.Scopes, Exchange.Scheme, tenantId: _tenant, user: user, tokenAcquisitionOptions: Options(cancellationToken));
            return new ExchangedToken(result.AccessToken, result.TokenType, [.. result.Scopes], result.ExpiresOn);
        }
        catch (Exception e) when (Failure(e) is { } failure)
        {
            throw failure;
        }
    }

    private static TokenAcquisitionOptions Options(CancellationToken cancellationToken) => new()
    {
        // Past what the library might still hold of a call that runs beside this one.
        ForceRefresh = true,
        CorrelationId = Activity.Current is { } activity ? Guid.ParseExact(activity.TraceId.ToHexString(), "N") : null,
        CancellationToken = cancellationToken,
    };

    /// <summary>Null for what never got an answer of the issuer.</summary>
    private static ExchangeException? Failure(Exception e) => (e as MsalException ?? e.InnerException as MsalException ?? e) switch
    {
        MsalServiceException { ResponseBody: { Length: > 0 } body, StatusCode: var status } => IssuerErrors.Read(status, body, "invalid_grant"),
        MsalServiceException { StatusCode: var status } => IssuerErrors.Read(status == 0 ? StatusCodes.Status503ServiceUnavailable : status, null),
        MsalClientException { ErrorCode: MsalError.TokenTypeMismatch } => new ExchangeException(ExchangeFailure.NotAccepted, "obo_token_type"),
        MsalClientException { ErrorCode: MsalError.JsonParseError or MsalError.NonParsableOAuthError } or JsonException => IssuerErrors.Unreadable(StatusCodes.Status200OK),
        MsalClientException { ErrorCode: var code } => new ExchangeException(ExchangeFailure.Misconfigured, "obo_misconfigured", code),
        // What MSAL falls over when a good answer has no token in it.
        ArgumentNullException => new ExchangeException(ExchangeFailure.NotAccepted, "obo_token_missing"),
        _ => null,
    };

    public static void AskForNothingElse(TokenAcquisitionExtensionOptions options) =>
        options.OnBeforeTokenAcquisitionForOnBehalfOf += (builder, _, _) => builder.OnBeforeTokenRequest(request =>
        {
            request.BodyParameters["scope"] = string.Join(' ', request.BodyParameters["scope"].Split(' ').Except(Additions));
            return Task.CompletedTask;
        });
}
