using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpFilesServer.Dev;

/// <summary>OAuth 2.1 as this provider speaks it: what OpenIddict does by itself, what is switched off, and the rules that are added.</summary>
internal static class Protocol
{
    public static void AddProviderProtocol(this IServiceCollection services, DevOptions options, Keys keys, TimeProvider time) =>
        services.AddOpenIddict()
            .AddCore(core => core
                .ReplaceApplicationManager<OpenIddictEntityFrameworkCoreApplication, ClientManager>()
                .UseEntityFrameworkCore().UseDbContext<Database>())
            .AddServer(server =>
            {
                server.SetIssuer(options.Url)
                    .SetAuthorizationEndpointUris("authorize")
                    .SetTokenEndpointUris("token")
                    .SetRevocationEndpointUris("revoke")
                    .SetIntrospectionEndpointUris("introspect")
                    .SetJsonWebKeySetEndpointUris("jwks");

                server.AllowAuthorizationCodeFlow().AllowRefreshTokenFlow().AllowCustomFlow(OnBehalfOf.GrantType).AllowCustomFlow(CommandGrant.GrantType);
                server.RequireProofKeyForCodeExchange();
                server.RegisterScopes([Scopes.OfflineAccess, .. options.ScopesInWords.Keys]);
                server.RegisterClaims(Claims.Name, Grants.Sid);

                server.SetAccessTokenLifetime(options.AccessTokenLifetime).SetIdentityTokenLifetime(options.AccessTokenLifetime).SetAuthorizationCodeLifetime(TimeSpan.FromMinutes(1));

                // A public client's refresh token is used once; the second time revokes all that came from the same consent (RFC 9700 §4.14.2).
                server.SetRefreshTokenLifetime(options.RefreshTokenLifetime).SetRefreshTokenReuseLeeway(TimeSpan.Zero);

                server.AddSigningKey(keys.Signing).AddEncryptionKey(keys.Encryption).DisableAccessTokenEncryption();

                // A client may ask for any scope of the resource, whatever it registered with: that is what stepping up is. ResourceRule guards the target.
                server.IgnoreScopePermissions().IgnoreResourcePermissions().IgnoreAudiencePermissions().DisableResourceValidation();

                server.Configure(protocol =>
                {
                    protocol.TimeProvider = time;
                    protocol.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
                    protocol.PromptValues.Remove(PromptValues.Login); // the page always offers the other user, but asks for no credentials
                    protocol.ResponseModes.IntersectWith([ResponseModes.Query]);
                    protocol.ClientAuthenticationMethods.IntersectWith([ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost]);
                });

                server.UseAspNetCore()
                    .EnableAuthorizationEndpointPassthrough()
                    .EnableErrorPassthrough()
                    .DisableTransportSecurityRequirement(); // loopback only, see DevOptions

                server.AddProviderRules();
                server.AddGrantRules();
            });

    private static void AddProviderRules(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<NothingTwice>()
            .SetOrder(Authentication.ValidateRequestParameter.Descriptor.Order - 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseSingletonHandler<NothingTwice>()
            .SetOrder(Exchange.ValidateGrantType.Descriptor.Order - 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<NoRequestUri>()
            .SetOrder(Authentication.ValidateRequestUriParameter.Descriptor.Order - 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<DocumentRule>()
            .SetOrder(Authentication.ValidateClientIdParameter.Descriptor.Order + 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseScopedHandler<KnownClient>()
            .SetOrder(Authentication.ValidateClientIdParameter.Descriptor.Order + 750));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<ScopeRule>()
            .SetOrder(Authentication.ValidateScopes.Descriptor.Order - 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseSingletonHandler<ScopeRule>()
            .SetOrder(Exchange.ValidateScopes.Descriptor.Order - 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseSingletonHandler<NoWiderScope>()
            .SetOrder(Exchange.ValidateGrantedScopes.Descriptor.Order - 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<ProofKeyForm>()
            .SetOrder(Authentication.ValidateProofKeyForCodeExchangeParameters.Descriptor.Order + 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseSingletonHandler<ProofKeyForm>()
            .SetOrder(Exchange.ValidateProofKeyForCodeExchangeParameters.Descriptor.Order + 250));
        server.AddEventHandler<ProcessErrorContext>(rule => rule.UseSingletonHandler<PlainErrors>()
            .SetOrder(AttachErrorParameters.Descriptor.Order + 500));
        server.AddEventHandler<ValidateAuthorizationRequestContext>(rule => rule.UseSingletonHandler<ResourceRule>()
            .SetOrder(Authentication.ValidateRedirectUriParameter.Descriptor.Order + 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseSingletonHandler<ResourceRule>()
            .SetOrder(Exchange.ValidateResourceParameter.Descriptor.Order - 500));
        server.AddEventHandler<ApplyAuthorizationResponseContext>(rule => rule.UseScopedHandler<ErrorRedirect>()
            .SetOrder(Authentication.InferResponseMode.Descriptor.Order + 500));
        server.AddEventHandler<HandleConfigurationRequestContext>(rule => rule.UseSingletonHandler<Metadata>()
            .SetOrder(Discovery.AttachAdditionalMetadata.Descriptor.Order + 500));
        server.AddEventHandler<ValidateTokenRequestContext>(rule => rule.UseScopedHandler<OnBehalfOf>()
            .SetOrder(Exchange.ValidateGrantType.Descriptor.Order + 500));
        server.AddEventHandler<HandleTokenRequestContext>(rule => rule.UseScopedHandler<CommandGrant>());
        server.AddEventHandler<ProcessSignInContext>(rule => rule.UseSingletonHandler<RefreshRule>()
            .SetOrder(EvaluateGeneratedTokens.Descriptor.Order + 500));
        server.AddEventHandler<ProcessSignInContext>(rule => rule.UseSingletonHandler<GrantedScope>()
            .SetOrder(AttachSignInParameters.Descriptor.Order + 500));
    }
}

/// <summary>RFC 6749 §3.1, §3.2: no parameter comes twice, except <c>resource</c>, which has its own rule. OpenIddict takes a repeated one for a missing one.</summary>
internal sealed class NothingTwice : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>, IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Check(context, context.Request);

    private static ValueTask Check(BaseValidatingContext context, OpenIddictRequest request)
    {
        if (request.GetParameters().Any(parameter => parameter.Key is not Parameters.Resource && parameter.Value.Count > 1))
        {
            context.Reject(Errors.InvalidRequest, "A parameter is given more than once.");
        }

        return default;
    }
}

/// <summary>RFC 8707: both requests name the resource, exactly as it names itself, and exactly one. It becomes the token's only audience.</summary>
internal sealed class ResourceRule(DevOptions options) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>, IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => Check(context, context.Request);

    private ValueTask Check(BaseValidatingContext context, OpenIddictRequest request)
    {
        if (request.Resources is not [var resource] || resource != options.Resource)
        {
            context.Reject(Errors.InvalidTarget, $"The resource parameter must be given once and be {options.Resource}.");
        }

        return default;
    }
}

/// <summary>
/// Every client that went through the consent page gets a refresh token, whether it asked for <c>offline_access</c> or not: all are registered for that
/// grant, and several clients never ask. Without it a person would be asked again every five minutes. The consent page says so.
/// </summary>
internal sealed class RefreshRule : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType is OpenIddictServerEndpointType.Token && (context.Request.IsAuthorizationCodeGrantType() || context.Request.IsRefreshTokenGrantType()))
        {
            context.GenerateRefreshToken = context.IncludeRefreshToken = true;
        }

        return default;
    }
}

/// <summary>
/// RFC 6749 §5.1 lets a provider leave out the scope of a token when it is the one that was asked for, and OpenIddict does. Some clients then no longer know what
/// they hold, and ask for less at the next refresh. So it is always said.
/// </summary>
internal sealed class GrantedScope : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context is { EndpointType: OpenIddictServerEndpointType.Token, IncludeAccessToken: true, AccessTokenPrincipal: { } token })
        {
            context.Response.Scope = string.Join(' ', token.GetScopes());
        }

        return default;
    }
}

/// <summary>
/// RFC 6749 §4.1.2.1: an error of the request goes back to the client, with its state and the issuer, once client and redirect URI are known to be
/// right. Otherwise it stays on a page here, and nobody is redirected. OpenIddict alone would show every error here.
/// </summary>
internal sealed class ErrorRedirect(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
{
    public async ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        if (context is { Error: not (null or Errors.InvalidClient), RedirectUri: null, Request: { ClientId: { Length: > 0 } id, RedirectUri: { Length: > 0 } uri } }
            && await clients.FindByClientIdAsync(id, context.CancellationToken) is { } client
            && await clients.ValidateRedirectUriAsync(client, uri, context.CancellationToken))
        {
            context.RedirectUri = uri;
            context.ResponseMode = ResponseModes.Query;
        }
    }
}

/// <summary>Says in the metadata what OpenIddict cannot know: registration, public clients, and what there is not (RFC 8414 §2).</summary>
internal sealed class Metadata(DevOptions options) : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        context.Metadata["registration_endpoint"] = $"{options.Issuer}register";
        context.Metadata["client_id_metadata_document_supported"] = true;
        context.TokenEndpointAuthenticationMethods.Add(ClientAuthenticationMethods.None);
        context.RevocationEndpointAuthenticationMethods.Add(ClientAuthenticationMethods.None);

        return default;
    }
}
