using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpFilesServer.Dev;

/// <summary>
/// The On-Behalf-Of grant, as Entra has it (RFC 7523 §2.1 with <c>requested_token_use=on_behalf_of</c>): the server shows a user's token and its own
/// secret, and gets a token of that user for the Graph stand-in, with the scopes it asked for and nothing else.
/// </summary>
/// <remarks>
/// It reads one row, writes none and hashes nothing slowly, because the server exchanges a token for every call that goes downstream. Its tokens carry no
/// <c>sid</c>: the API behind them takes part in no session and is told of no logout. They end five minutes after the last exchange at the latest.
/// </remarks>
internal sealed class OnBehalfOf(DevOptions options, Keys keys, AccessTokens tokens, Grants grants) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public const string GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    /// <summary>What the stand-in understands.</summary>
    public static IReadOnlyList<string> GraphScopes { get; } = ["User.ReadBasic.All", "Files.Read", "Files.ReadWrite"];

    public async ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.GrantType != GrantType)
        {
            return;
        }

        if (!IsServer(context.Request.ClientId, context.Request.ClientSecret))
        {
            context.Reject(Errors.InvalidClient, "The client credentials are not right.");
        }
        else if ((string?)context.Request["requested_token_use"] != "on_behalf_of")
        {
            context.Reject(Errors.InvalidRequest, "requested_token_use must be on_behalf_of.");
        }
        else if (Asked(context.Request) is not { Length: > 0 } scopes)
        {
            context.Reject(Errors.InvalidScope, $"scope must name at least one of the scopes below {options.Graph}/, and no others.");
        }
        else if (await tokens.ReadAsync(context.Request.Assertion ?? "", options.Resource) is not { } token
            || !await grants.IsAliveAsync(token, context.CancellationToken)
            || People.WithId(token.Subject) is not { Name: { } name } user)
        {
            context.Reject(Errors.InvalidGrant, "The assertion is not a valid access token of this provider for this server.");
        }
        else
        {
            await AnswerAsync(context, tokens.ForGraph(user.Id, name, scopes), scopes);
        }
    }

    /// <summary>In fixed time, so that the secret cannot be guessed byte by byte.</summary>
    private bool IsServer(string? id, string? secret) =>
        id == options.ServerClientId && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret ?? ""), Encoding.UTF8.GetBytes(keys.ServerSecret));

    /// <summary>The short names of the scopes asked for; none when one of them is unknown. MSAL always adds three that are never granted here.</summary>
    private string[] Asked(OpenIddictRequest request)
    {
        var known = GraphScopes.ToDictionary(scope => $"{options.Graph}/{scope}");
        var asked = request.GetScopes().Except([Scopes.OpenId, Scopes.Profile, Scopes.OfflineAccess]).ToArray();

        return asked.All(known.ContainsKey) ? [.. asked.Select(scope => known[scope])] : [];
    }

    private async Task AnswerAsync(ValidateTokenRequestContext context, string token, string[] scopes)
    {
        var response = context.Transaction.GetHttpRequest()!.HttpContext.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.Pragma = "no-cache";

        await response.WriteAsJsonAsync(new Dictionary<string, object>
        {
            [Parameters.AccessToken] = token,
            [Parameters.TokenType] = TokenTypes.Bearer,
            [Parameters.ExpiresIn] = (int)options.AccessTokenLifetime.TotalSeconds,
            [Parameters.Scope] = string.Join(' ', scopes.Select(scope => $"{options.Graph}/{scope}")),
        });
        context.HandleRequest();
    }
}
