using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Auth;

/// <summary>Why a presented token was not accepted. For the audit; the client only hears <c>invalid_token</c>.</summary>
/// <param name="Reason">A stable snake_case word.</param>
/// <param name="IssuerUnavailable">The issuer's keys could not be had: nobody's fault who calls, so 503 and not 401.</param>
internal sealed record TokenFault(string Reason, bool IssuerUnavailable = false);

/// <summary>
/// One bearer scheme for each issuer, so that a token is only ever checked with its own issuer's keys. Every request is validated
/// in full; what is kept between requests is the issuer's keys, never a verdict.
/// </summary>
internal static class TokenValidation
{
    /// <summary>Settings of one issuer's scheme. JwtBearer's defaults are soft in a dozen places; each line here hardens one.</summary>
    public static void Configure(JwtBearerOptions options, IssuerOptions issuer, McpOptions mcp, bool development)
    {
        options.Authority = issuer.Authority;
        options.RequireHttpsMetadata = !(development && new Uri(issuer.Authority).IsLoopback);
        options.MapInboundClaims = false;
        options.IncludeErrorDetails = false;
        options.BackchannelTimeout = TimeSpan.FromSeconds(5);
        options.TokenHandlers.Clear();
        options.TokenHandlers.Add(new JsonWebTokenHandler { MapInboundClaims = false, MaximumTokenSizeInBytes = 16 * 1024 });
        var audience = issuer.Audience ?? mcp.Resource;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidateIssuer = true,
            IssuerValidator = (iss, _, _) => iss == issuer.Authority ? iss : throw new SecurityTokenInvalidIssuerException(),
            ValidateAudience = true,
            // The default takes `resource/` for `resource`. RFC 8707 §2 knows no such thing.
            AudienceValidator = (audiences, _, _) => audiences.Contains(audience, StringComparer.Ordinal),
            RequireSignedTokens = true,
            ValidateIssuerSigningKey = true,
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = Rfc9068.Algorithms,
            TypeValidator = (type, _, _) =>
                Rfc9068.Types.Contains(type, StringComparer.OrdinalIgnoreCase) ? type : throw new SecurityTokenInvalidTypeException(),
            RequireExpirationTime = true,
            ValidateLifetime = true,
            ClockSkew = Rfc9068.ClockSkew,
            NameClaimType = "name",
        };
        options.Events = new JwtBearerEvents
        {
            OnMessageReceived = RequireKeysAsync,
            OnAuthenticationFailed = context =>
            {
                Fault(context.HttpContext, context.Exception is SecurityTokenExpiredException ? "token_expired" : "token_invalid");
                return Task.CompletedTask;
            },
            OnTokenValidated = context => ReadCaller(context, issuer),
        };
    }

    /// <summary>
    /// The scheme for a request's token: that of the issuer it names. The name is not trusted, it only chooses whose keys the
    /// token is checked with, and a token that names nobody is checked, and refused, with those of the first.
    /// </summary>
    public static Func<HttpContext, string> SchemeOf(AuthOptions auth)
    {
        var schemes = auth.Issuers.Select((issuer, i) => (issuer.Authority, Scheme: Scheme(i))).ToDictionary(StringComparer.Ordinal);
        return schemes.Count == 1 ? _ => Scheme(0) : context => schemes.GetValueOrDefault(Issuer(context) ?? "", Scheme(0));
    }

    public static string Scheme(int issuer) => $"Issuer:{issuer}";

    private static string? Issuer(HttpContext context)
    {
        try
        {
            return Bearer(context) is { } token && new JsonWebToken(token).TryGetPayloadValue<string>("iss", out var issuer) ? issuer : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string? Bearer(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } header] && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim() : null;

    /// <summary>Fetches the issuer's keys before the token is looked at, so that an unreachable issuer is told from a bad token.</summary>
    private static async Task RequireKeysAsync(MessageReceivedContext context)
    {
        // The only place of a token is one Authorization header (RFC 6750 §2.1): no form, no query, no second header.
        context.Token = Bearer(context.HttpContext);
        if (string.IsNullOrEmpty(context.Token))
        {
            // Says "no result" outright: with a null token the handler would go and look for one itself.
            context.NoResult();
            return;
        }

        try
        {
            await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted);
        }
        catch (Exception e) when (e is not OperationCanceledException || !context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            context.HttpContext.Features.Set(new TokenFault("issuer_unavailable", IssuerUnavailable: true));
            context.Fail("The issuer cannot be reached.");
        }
    }

    private static Task ReadCaller(TokenValidatedContext context, IssuerOptions issuer)
    {
        var time = context.HttpContext.RequestServices.GetRequiredService<TimeProvider>();
        var token = (JsonWebToken)context.SecurityToken;
        if (Rfc9068.Read(token, issuer, time.GetUtcNow(), out var reason) is not { } caller)
        {
            Fault(context.HttpContext, reason);
            context.Fail(reason);
            return Task.CompletedTask;
        }

        // For the On-Behalf-Of exchange, which finds the assertion here and nowhere else.
        ((ClaimsIdentity)context.Principal!.Identity!).BootstrapContext = token.EncodedToken;
        context.HttpContext.Features.Set(caller);
        return Task.CompletedTask;
    }

    private static void Fault(HttpContext context, string reason)
    {
        if (context.Features.Get<TokenFault>() is null)
        {
            context.Features.Set(new TokenFault(reason));
        }
    }
}
