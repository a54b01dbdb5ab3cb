using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace McpFilesServer.Dev;

/// <summary>What the protocol's endpoints do with grants.</summary>
internal static class GrantRules
{
    public static void AddGrantRules(this OpenIddictServerBuilder server)
    {
        server.AddEventHandler<ValidateTokenContext>(rule => rule.UseScopedHandler<ReuseEndsGrant>()
            .SetOrder(Protection.ValidateTokenEntry.Descriptor.Order - 500));
        server.AddEventHandler<HandleRevocationRequestContext>(rule => rule.UseScopedHandler<RevocationEndsGrant>()
            .SetOrder(Revocation.RevokeToken.Descriptor.Order - 500));
        server.RemoveEventHandler(Introspection.ValidateAuthorizedParty.Descriptor);
        server.AddEventHandler<ValidateIntrospectionRequestContext>(rule => rule.UseSingletonHandler<IntrospectionRule>()
            .SetOrder(Introspection.ValidateAuthorizedParty.Descriptor.Order));
        server.AddEventHandler<HandleIntrospectionRequestContext>(rule => rule.UseSingletonHandler<IntrospectionRule>()
            .SetOrder(Introspection.AttachApplicationClaims.Descriptor.Order + 500));
        server.AddEventHandler<HandleConfigurationRequestContext>(rule => rule.UseSingletonHandler<LogoutMetadata>()
            .SetOrder(Discovery.AttachAdditionalMetadata.Descriptor.Order + 500));
    }
}

/// <summary>
/// RFC 9700 §4.14.2, RFC 6749 §4.1.2: a refresh token or a code that is shown a second time was stolen, from the client or by it. OpenIddict would revoke the
/// tokens alone; here the grant ends, with exchanges and with the access tokens at the server.
/// </summary>
internal sealed class ReuseEndsGrant(Grants grants, IOpenIddictTokenManager tokens) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context is { TokenId: { } id, AuthorizationId: { } grant }
            && await tokens.FindByIdAsync(id, context.CancellationToken) is { } token
            && await tokens.HasStatusAsync(token, Statuses.Redeemed, context.CancellationToken))
        {
            await grants.EndAsync([grant]);
        }
    }
}

/// <summary>RFC 7009 §2.1: revoking any token of a grant ends the grant. OpenIddict has checked that the token was given to this client.</summary>
internal sealed class RevocationEndsGrant(Grants grants) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        if (context.GenericTokenPrincipal.GetAuthorizationId() is { Length: > 0 } grant)
        {
            await grants.EndAsync([grant]);
        }
    }
}

/// <summary>
/// RFC 7662 §4: the server learns about access tokens for itself and about nothing else; no other client may introspect at all. OpenIddict's own rules look
/// for the client's id in the audience, and the audience here is the server's URL.
/// </summary>
internal sealed class IntrospectionRule(DevOptions options)
    : IOpenIddictServerHandler<ValidateIntrospectionRequestContext>, IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public ValueTask HandleAsync(ValidateIntrospectionRequestContext context)
    {
        if (context.ClientId != options.ServerClientId || !context.GenericTokenPrincipal!.HasTokenType(TokenTypeIdentifiers.AccessToken) || !context.GenericTokenPrincipal!.HasAudience(options.Resource))
        {
            context.Reject(Errors.InvalidToken, "The token is not an access token for this server.");
        }

        return default;
    }

    /// <summary>What the server decides by: all that stands in the token.</summary>
    public ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        context.Scopes.UnionWith(context.GenericTokenPrincipal!.GetScopes());

        foreach (var name in (string[])[Claims.ClientId, Grants.Sid])
        {
            context.Claims[name] = context.GenericTokenPrincipal!.GetClaim(name);
        }

        return default;
    }
}

/// <summary>OpenID Connect Back-Channel Logout 1.0 §2.1: logout tokens are sent, and name the session.</summary>
internal sealed class LogoutMetadata : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        context.Metadata["backchannel_logout_supported"] = true;
        context.Metadata["backchannel_logout_session_supported"] = true;

        return default;
    }
}
