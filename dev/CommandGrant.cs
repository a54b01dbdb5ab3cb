using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpFilesServer.Dev;

/// <summary>
/// The grant of the <c>token</c> command: who can read the secret's file gets an access token of any user, as if that user had consented. OpenIddict
/// has checked client, secret, scope and resource before.
/// </summary>
internal sealed class CommandGrant(DevOptions options, Grants grants) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    public const string ClientId = "dev-cli";

    public const string GrantType = "urn:mcp-files-server:dev-token";

    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        if (context.Request.GrantType != GrantType)
        {
            return;
        }

        // An access token, and nothing that lasts longer or says who signed in.
        var scopes = context.Request.GetScopes();

        if (People.Named(context.Request.Username) is not { } user)
        {
            context.Reject(Errors.InvalidRequest, $"username must be one of: {string.Join(", ", People.Users.Select(person => person.Name))}.");
        }
        else if (scopes.IsEmpty || !scopes.All(options.ScopesInWords.ContainsKey))
        {
            context.Reject(Errors.InvalidScope, $"scope must be one or more of: {string.Join(" ", options.ScopesInWords.Keys)}.");
        }
        else
        {
            // All its tokens for one user are one grant, so that the user can end them on the account page.
            var sid = await grants.OpenAsync(user, new GrantRequest(ClientId, scopes, Session: null, "the token command on this computer"), context.CancellationToken);
            context.Principal = user.Grant(sid, scopes, options.Resource);
        }
    }
}
