using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>
/// Dynamic client registration (RFC 7591). Whatever a client asks for, it becomes a public client of the code flow with PKCE: §3.2.1 lets the server
/// replace what was asked, and a secret in a program on a user's machine would be none.
/// </summary>
internal static class Clients
{
    public const int MaximumRedirectUris = 10;

    private const int MaximumBody = 16 * 1024;
    private const int MaximumName = 80;

    public static void MapRegistration(this IEndpointRouteBuilder routes) => routes.MapPost("/register", RegisterAsync);

    /// <summary>What every program is that signs people in here, however it came to be known: public, with the code flow and refresh tokens.</summary>
    public static OpenIddictApplicationDescriptor Public(string id, string name, IEnumerable<string> redirectUris)
    {
        var descriptor = new OpenIddictApplicationDescriptor { ClientId = id, ClientType = ClientTypes.Public, ConsentType = ConsentTypes.Explicit, DisplayName = name };
        descriptor.RedirectUris.UnionWith(redirectUris.Select(uri => new Uri(uri)));
        descriptor.Permissions.UnionWith(
        [
            Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.Revocation,
            Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.RefreshToken, Permissions.ResponseTypes.Code,
        ]);

        return descriptor;
    }

    /// <summary>Writes a client, or writes it anew.</summary>
    public static async Task KnowAsync(this IOpenIddictApplicationManager clients, OpenIddictApplicationDescriptor descriptor, CancellationToken cancellationToken)
    {
        if (await clients.FindByClientIdAsync(descriptor.ClientId!, cancellationToken) is { } known)
        {
            await clients.UpdateAsync(known, descriptor, cancellationToken);
        }
        else
        {
            await clients.CreateAsync(descriptor, cancellationToken);
        }
    }

    /// <summary>A name for the consent page: short, on one line, and with nothing in it that turns the direction of the text around.</summary>
    public static string Plain(string? name)
    {
        var kept = string.Concat((name ?? "").EnumerateRunes()
            .Where(rune => System.Text.Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse))
            .Take(MaximumName)).Trim();

        return kept is "" ? "A program without a name" : kept;
    }

    private static async Task<IResult> RegisterAsync(HttpContext context, IOpenIddictApplicationManager clients, DevOptions options, TimeProvider time)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaximumBody;
        context.Response.Headers.CacheControl = "no-store";

        if (await ReadAsync(context) is not { } asked)
        {
            return Refuse("invalid_client_metadata", "The body must be a JSON object of client metadata.");
        }

        if (asked.GrantTypes is { } grants && !grants.Contains(GrantTypes.AuthorizationCode) || asked.ResponseTypes is { } types && !types.Contains(ResponseTypes.Code))
        {
            return Refuse("invalid_client_metadata", "Only the authorization code flow is offered: grant_types must contain authorization_code, response_types code.");
        }

        if (asked.RedirectUris is not { Length: > 0 and <= MaximumRedirectUris } uris || !uris.All(uri => uri is not null && RedirectUris.IsAllowed(uri)))
        {
            return Refuse("invalid_redirect_uri", $"redirect_uris must have 1 to {MaximumRedirectUris} entries: https, or http on localhost, 127.0.0.1 or [::1]; no fragment, no user information.");
        }

        var descriptor = Public(Guid.NewGuid().ToString("N"), Plain(asked.ClientName), uris!);
        await clients.CreateAsync(descriptor, context.RequestAborted);

        return Results.Json(
            new Registration
            {
                ClientId = descriptor.ClientId,
                ClientIdIssuedAt = time.GetUtcNow().ToUnixTimeSeconds(),
                ClientName = descriptor.DisplayName,
                RedirectUris = uris,
                GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken],
                ResponseTypes = [ResponseTypes.Code],
                TokenEndpointAuthMethod = ClientAuthenticationMethods.None,
                Scope = asked.Scope is { } scope ? string.Join(' ', scope.Split(' ').Where(name => options.IsKnown(name))) : null,
            },
            statusCode: StatusCodes.Status201Created);
    }

    private static async Task<Registration?> ReadAsync(HttpContext context)
    {
        try
        {
            return context.Request.HasJsonContentType() ? await context.Request.ReadFromJsonAsync<Registration>(context.RequestAborted) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static IResult Refuse(string error, string description) =>
        Results.Json(new { error, error_description = description }, statusCode: StatusCodes.Status400BadRequest);

    /// <summary>The client metadata that is understood. RFC 7591 §2: whatever else a client sends is ignored.</summary>
    private sealed record Registration
    {
        [JsonPropertyName("client_id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? ClientId { get; init; }

        [JsonPropertyName("client_id_issued_at")]
        public long ClientIdIssuedAt { get; init; }

        [JsonPropertyName("client_name")]
        public string? ClientName { get; init; }

        [JsonPropertyName("redirect_uris")]
        public string?[]? RedirectUris { get; init; }

        [JsonPropertyName("grant_types")]
        public string[]? GrantTypes { get; init; }

        [JsonPropertyName("response_types")]
        public string[]? ResponseTypes { get; init; }

        [JsonPropertyName("token_endpoint_auth_method")]
        public string? TokenEndpointAuthMethod { get; init; }

        [JsonPropertyName("scope"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Scope { get; init; }
    }
}
