using System.Buffers.Text;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Auth;

/// <summary>Why a presented token was not accepted. For the audit; the client only hears <c>invalid_token</c>.</summary>
/// <param name="Reason">A stable snake_case word.</param>
/// <param name="Unavailable">The issuer or the revocations could not be asked: nobody's fault who calls, so 503 and not 401.</param>
internal sealed record TokenFault(string Reason, bool Unavailable = false)
{
    /// <summary>With whose keys the token was looked at.</summary>
    public IssuerOptions? Issuer { get; init; }

    /// <summary>What a token that its issuer signed says in place of what it should. For <see cref="Hints"/>.</summary>
    public string? Came { get; init; }
}

/// <summary>
/// One bearer scheme for each issuer, so that a token is only ever checked with its own issuer's keys. Every request is validated
/// in full; what is kept between requests is the issuer's keys, never a verdict.
/// </summary>
internal static class TokenValidation
{
    /// <summary>The largest token that is looked at, in characters.</summary>
    private const int MaxTokenLength = 16 * 1024;

    /// <summary>Settings of one issuer's scheme. JwtBearer's defaults are soft in a dozen places; each line here hardens one.</summary>
    public static void Configure(JwtBearerOptions options, IssuerOptions issuer, string audience, TimeSpan skew, IServiceProvider services, IssuerKeys keys)
    {
        var (time, standing, open) = (services.GetRequiredService<TimeProvider>(), services.GetRequiredService<TokenStanding>(), services.GetRequiredService<OpenRequests>());
        options.ConfigurationManager = keys;
        options.RefreshOnIssuerKeyNotFound = false;
        options.MapInboundClaims = false;
        options.IncludeErrorDetails = false;
        options.TokenHandlers.Clear();
        options.TokenHandlers.Add(Handler());
        options.TokenValidationParameters = Parameters(issuer, audience, issuer.Profile == TokenProfile.Entra ? Entra.Types : Rfc9068.Types, skew, time);
        options.Events = new JwtBearerEvents
        {
            OnMessageReceived = context => RequireKeysAsync(context, keys, issuer),
            OnAuthenticationFailed = context => Fault(context.HttpContext, FaultOf(context.Exception) with { Issuer = issuer }),
            OnTokenValidated = async context =>
            {
                if (ReadCaller(context, issuer, skew, time) is { } caller)
                {
                    await RequireStandingAsync(context, caller, standing, open);
                }
            },
        };
    }

    /// <summary>Reads tokens up to a size, and leaves the names of their claims alone.</summary>
    public static JsonWebTokenHandler Handler() => new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxTokenLength };

    /// <summary>What the library is to check. The keys are added where the token is looked at.</summary>
    public static TokenValidationParameters Parameters(IssuerOptions issuer, string audience, string[] types, TimeSpan skew, TimeProvider time) => new()
    {
        ValidateIssuer = true,
        IssuerValidator = (iss, _, _) => issuer.Issues(iss) ? iss : throw new SecurityTokenInvalidIssuerException { InvalidIssuer = iss },
        ValidateAudience = true,
        // The default takes `resource/` for `resource`. RFC 8707 §2 knows no such thing.
        AudienceValidator = (audiences, _, _) => audiences.Contains(audience, StringComparer.Ordinal),
        RequireSignedTokens = true,
        ValidateIssuerSigningKey = true,
        TryAllIssuerSigningKeys = false,
        ValidAlgorithms = StrictToken.Algorithms,
        TypeValidator = (type, _, _) => types.Contains(type, StringComparer.OrdinalIgnoreCase) ? type : throw new SecurityTokenInvalidTypeException(),
        RequireExpirationTime = true,
        ValidateLifetime = true,
        LifetimeValidator = (_, expires, _, _) => expires > time.GetUtcNow().UtcDateTime - skew,
        NameClaimType = "name",
    };

    /// <summary>
    /// The scheme for a request's token: that of the issuer it names. The name is not trusted, it only chooses whose keys the
    /// token is checked with, and a token that names nobody is checked, and refused, with those of the first.
    /// </summary>
    public static Func<HttpContext, string> SchemeOf(AuthOptions auth)
    {
        var schemes = auth.Issuers.SelectMany((issuer, i) => issuer.IssuerNames.Select(name => (name, Scheme(i)))).ToDictionary(StringComparer.Ordinal);
        return context => schemes.GetValueOrDefault(Part(Bearer(context), 1, "iss") ?? "", Scheme(0));
    }

    public static string Scheme(int issuer) => $"Issuer:{issuer}";

    private static string? Bearer(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } header] && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim(' ') : null;

    /// <summary>A text member of the header (part 0) or the claims (part 1) of a token that nobody has validated yet.</summary>
    public static string? Part(string? token, int part, string member)
    {
        try
        {
            Span<Range> parts = stackalloc Range[4];
            if (token is not { Length: <= MaxTokenLength } || token.AsSpan().Split(parts, '.') != 3)
            {
                return null;
            }

            using var json = JsonDocument.Parse(Base64Url.DecodeFromChars(token.AsSpan()[parts[part]]));
            return json.RootElement.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Fetches the issuer's keys before the token is looked at, so that an unreachable issuer is told from a bad token.</summary>
    private static async Task RequireKeysAsync(MessageReceivedContext context, IssuerKeys keys, IssuerOptions issuer)
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
            // No key id means no way to say which key: such a token is refused as one whose key nobody has.
            var kid = Part(context.Token, 0, "kid");
            if (kid is null || !await keys.HasAsync(kid, context.HttpContext.RequestAborted))
            {
                context.Fail("The key of the token is unknown.");
                await Fault(context.HttpContext, new TokenFault(kid is null ? "token_names_no_key" : "token_key_unknown") { Issuer = issuer });
            }
        }
        catch (IssuerUnavailableException)
        {
            context.HttpContext.Features.Set(new TokenFault("issuer_unavailable", Unavailable: true));
            context.Fail("The issuer cannot be reached.");
        }
    }

    private static Caller? ReadCaller(TokenValidatedContext context, IssuerOptions issuer, TimeSpan skew, TimeProvider time)
    {
        var token = (JsonWebToken)context.SecurityToken;
        var caller = StrictToken.Read(token, issuer, skew, time.GetUtcNow(), out var reason);
        if (caller is null)
        {
            context.Fail(reason);
            _ = Fault(context.HttpContext, new TokenFault(reason) { Issuer = issuer });
        }

        return caller;
    }

    /// <summary>
    /// Last, whether the token still counts, before anything else of the request is looked at: whoever holds a revoked token learns nothing more than
    /// with a forged one, and nothing is exchanged, run or told for it.
    /// </summary>
    private static async Task RequireStandingAsync(TokenValidatedContext context, Caller caller, TokenStanding standing, OpenRequests open)
    {
        var token = ((JsonWebToken)context.SecurityToken).EncodedToken;
        var stands = await standing.CheckAsync(caller, token, context.HttpContext.RequestAborted);
        if (stands.Caller is null)
        {
            context.HttpContext.Features.Set(stands.Fault);
            context.Fail(stands.Fault!.Reason);
            return;
        }

        // Libraries look at the claims of the user by themselves: one follows a `tid` to another tenant. They find who it is, and nothing else.
        context.Principal = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", caller.Subject, ClaimValueTypes.String, caller.Issuer)], context.Scheme.Name));
        context.HttpContext.Features.Set(stands.Caller);
        open.Add(context.HttpContext, stands.Caller, token);
    }

    /// <summary>The first fault is the one that counts.</summary>
    private static Task Fault(HttpContext context, TokenFault fault)
    {
        if (context.Features.Get<TokenFault>() is null)
        {
            context.Features.Set(fault);
        }

        return Task.CompletedTask;
    }

    /// <summary>The library looks at the signature first: the other exceptions are about what an issuer has signed.</summary>
    private static TokenFault FaultOf(Exception exception) => exception switch
    {
        SecurityTokenInvalidAudienceException { InvalidAudience: var audience } => new("token_audience") { Came = audience },
        SecurityTokenInvalidIssuerException { InvalidIssuer: var issuer } => new("token_issuer") { Came = issuer },
        SecurityTokenInvalidTypeException => new("token_type"),
        SecurityTokenInvalidLifetimeException => new("token_expired"),
        _ => new("token_invalid"),
    };
}
