using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpFilesServer.Dev;

/// <summary>
/// What an error says. Where the reason would tell a stranger something (which clients, codes and tokens there are), it is one sentence for all reasons;
/// and no answer leads to the documentation of the library.
/// </summary>
internal sealed class PlainErrors : IOpenIddictServerHandler<ProcessErrorContext>
{
    public const string UnknownClient = "The client is not known here, or did not prove that it is itself (invalid_client).";

    public ValueTask HandleAsync(ProcessErrorContext context)
    {
        // Errors of our own rules have no URI, and words of their own.
        if (context.ErrorUri is not null)
        {
            context.Response.ErrorUri = null;
            context.Response.ErrorDescription = context.Error switch
            {
                Errors.InvalidClient => UnknownClient,
                Errors.InvalidGrant => "The code or token is not good here: unknown, expired, used before, or not meant for this client and request.",
                Errors.InvalidToken => "The token is not good here.",
                Errors.UnauthorizedClient => "The client may not do this.",
                Errors.ServerError => "Something went wrong here.",
                _ => context.ErrorDescription,
            };
        }

        return default;
    }
}
