using System.Buffers;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpFilesServer.Dev;

/// <summary>There are no requests that were pushed, or lie elsewhere (OpenID Connect Core §6.2, RFC 9126). OpenIddict takes some for its own, whether or not that is offered.</summary>
internal sealed class NoRequestUri : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.Request.RequestUri is not null)
        {
            context.Reject(Errors.RequestUriNotSupported, "request_uri is not offered.");
        }

        return default;
    }
}

/// <summary>A client that is not known ends on the same page as one whose document is not taken. OpenIddict calls the one an invalid request.</summary>
internal sealed class KnownClient(IOpenIddictApplicationManager clients) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.ClientId is { } id && await clients.FindByClientIdAsync(id, context.CancellationToken) is null)
        {
            context.Reject(Errors.InvalidClient, PlainErrors.UnknownClient);
        }
    }
}

/// <summary>A scope that does not exist is named, so that a person at a keyboard sees the slip. The On-Behalf-Of grant has scopes of its own.</summary>
internal sealed class ScopeRule(DevOptions options) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>, IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    private const int MaximumShown = 64;

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidateTokenRequestContext context) => context.Request.GrantType is OnBehalfOf.GrantType ? default : Check(context, context.Request);

    private ValueTask Check(BaseValidatingContext context, OpenIddictRequest request)
    {
        if (request.GetScopes().FirstOrDefault(scope => !options.IsKnown(scope)) is { } unknown)
        {
            context.Reject(Errors.InvalidScope, $"{Shown(unknown)}. Scopes are: {string.Join(' ', options.ScopesInWords.Keys)}.");
        }

        return default;
    }

    /// <summary>Only what may stand in a scope at all (RFC 6749 §3.3) goes back into an answer.</summary>
    private static string Shown(string scope) =>
        scope.Length <= MaximumShown && scope.All(character => character is '!' or (>= '#' and <= '[') or (>= ']' and <= '~')) ? $"There is no scope {scope}" : "There is no such scope";
}

/// <summary>RFC 6749 §5.2, §6: what was not granted cannot be refreshed. OpenIddict refuses it too, but blames the token.</summary>
internal sealed class NoWiderScope : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.IsRefreshTokenGrantType() && context.Request.GetScopes().Except(context.RefreshTokenPrincipal?.GetScopes() ?? []).Any())
        {
            context.Reject(Errors.InvalidScope, "A refresh can ask for the scopes that were granted, or fewer. For others, send the user here again.");
        }

        return default;
    }
}

/// <summary>
/// RFC 7636 §4.1, §4.2: what a challenge and a verifier look like. A verifier that is too short can be guessed, and no hash of it helps; a challenge that is no
/// SHA-256 can never be met.
/// </summary>
internal sealed class ProofKeyForm : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>, IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    private static readonly SearchValues<char> Base64Url = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    private static readonly SearchValues<char> Unreserved = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (context.Request.CodeChallenge is not { Length: 43 } challenge || challenge.AsSpan().ContainsAnyExcept(Base64Url))
        {
            context.Reject(Errors.InvalidRequest, "code_challenge must be the base64url form of a SHA-256 hash.");
        }

        return default;
    }

    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.CodeVerifier is { } verifier && (verifier.Length is < 43 or > 128 || verifier.AsSpan().ContainsAnyExcept(Unreserved)))
        {
            context.Reject(Errors.InvalidGrant, "code_verifier must have 43 to 128 characters: letters, digits, '-', '.', '_', '~'.");
        }

        return default;
    }
}
