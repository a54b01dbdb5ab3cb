using System.Globalization;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>What the consent page shows, and what its form sends back.</summary>
internal sealed record ConsentRequest(
    Person User,
    string ClientId,
    string ClientName,
    Uri RedirectUri,
    IReadOnlyList<AskedScope> Scopes,
    IReadOnlyList<KeyValuePair<string, string?>> Parameters,
    string ReturnTo,
    bool IsConfigured)
{
    public bool IsLoopback => RedirectUris.IsLoopback(RedirectUri);

    /// <summary>Where the answer goes, in words a person can check.</summary>
    public string RedirectHost => RedirectUri.Authority;

    /// <summary>
    /// What the page's policy lets the form lead to. Browsers hold the redirect after a form to <c>form-action</c> too, so the client's own place
    /// must be in it; the grammar has no IPv6 addresses, so there the scheme has to do.
    /// </summary>
    public string FormTarget => RedirectUri.HostNameType is not UriHostNameType.IPv6
        ? string.Create(CultureInfo.InvariantCulture, $"{RedirectUri.Scheme}://{RedirectUri.IdnHost}:{RedirectUri.Port}")
        : $"{RedirectUri.Scheme}:";

    /// <summary>The host that vouches for a client with a document of its own.</summary>
    public string? DocumentHost => ClientDocument.HostOf(ClientId);

    /// <summary>Whether somebody stands for the name: the settings, or a host that can be seen.</summary>
    public bool IsVouchedFor => IsConfigured || DocumentHost is not null;

    /// <summary>Whether the client is known already and asks for more.</summary>
    public bool IsStepUp => Scopes.Any(scope => scope.IsNew);
}

/// <summary>A scope as the consent page lists it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Words">What it lets a client do.</param>
/// <param name="IsNew">Whether the client, which has others already, does not have this one yet.</param>
internal sealed record AskedScope(string Name, string Words, bool IsNew);

/// <summary>
/// The authorization endpoint, after OpenIddict has checked the request. It asks every time, for every client and every scope: a consent that was given once is
/// never taken for another, so a link that somebody else prepared cannot be answered by it.
/// </summary>
internal static class Consent
{
    private const string Decision = "decision";

    public static void MapConsent(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/authorize", AskAsync);
        routes.MapPost("/authorize", DecideAsync);
    }

    private static async Task<IResult> AskAsync(HttpContext context, IAntiforgery forgery, IOpenIddictApplicationManager clients, Grants grants, DevOptions options)
    {
        if (context.GetOpenIddictServerResponse() is { Error: not null } refused)
        {
            return Pages.Error(refused.ErrorDescription);
        }

        var request = context.GetOpenIddictServerRequest()!;

        if (request.HasPromptValue(PromptValues.None))
        {
            return Refuse(Errors.ConsentRequired, "The user is always asked.");
        }

        var tokens = forgery.GetAndStoreTokens(context);
        var returnTo = context.Request.Path + context.Request.QueryString.ToUriComponent();

        if (context.User() is not { } user)
        {
            return Pages.SignIn(returnTo, tokens);
        }

        var client = (await clients.FindByClientIdAsync(request.ClientId!, context.RequestAborted))!;
        var known = await grants.ScopesAsync(user, request.ClientId!, context.RequestAborted);

        return Pages.Consent(
            new ConsentRequest(
                user,
                request.ClientId!,
                await clients.GetDisplayNameAsync(client, context.RequestAborted) ?? request.ClientId!,
                new Uri(await RedirectUriAsync(request, client, clients, context.RequestAborted)),
                [.. Allowed(request, options).Select(scope => new AskedScope(scope, options.InWords(scope), known.Count > 0 && !known.Contains(scope)))],
                [.. context.Request.Query.Where(parameter => parameter.Key is not Decision && parameter.Key != tokens.FormFieldName).SelectMany(parameter => parameter.Value.Select(value => KeyValuePair.Create(parameter.Key, value)))],
                returnTo,
                options.Clients.Any(client => client.Id == request.ClientId)),
            tokens);
    }

    private static async Task<IResult> DecideAsync(HttpContext context, IAntiforgery forgery, IOpenIddictApplicationManager clients, Grants grants, DevOptions options)
    {
        if (context.GetOpenIddictServerResponse() is { Error: not null } refused)
        {
            return Pages.Error(refused.ErrorDescription);
        }

        if (!await forgery.IsRequestValidAsync(context) || context.User() is not { } user)
        {
            return Pages.Error("This page is out of date.");
        }

        var request = context.GetOpenIddictServerRequest()!;

        if (context.Request.Form[Decision] != "approve")
        {
            return Refuse(Errors.AccessDenied, "The user did not allow it.");
        }

        var client = (await clients.FindByClientIdAsync(request.ClientId!, context.RequestAborted))!;
        var place = new Uri(await RedirectUriAsync(request, client, clients, context.RequestAborted)).Authority;
        var sid = await grants.OpenAsync(user, new GrantRequest(request.ClientId!, Allowed(request, options), context.Session(), place), context.RequestAborted);

        return Results.SignIn(user.Grant(sid, options.Granted(request), options.Resource), authenticationScheme: OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    /// <summary>What the client gets, and that it stays connected, which it gets in any case: see <see cref="RefreshRule"/>.</summary>
    private static IEnumerable<string> Allowed(OpenIddictRequest request, DevOptions options) => options.Granted(request).Union([Scopes.OfflineAccess]);

    private static IResult Refuse(string error, string description) => Results.Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        [OpenIddictServerAspNetCoreDefaults.AuthenticationScheme]);

    /// <summary>A client with a single redirect URI need not repeat it (RFC 6749 §3.1.2.3).</summary>
    private static async Task<string> RedirectUriAsync(OpenIddictRequest request, object client, IOpenIddictApplicationManager clients, CancellationToken cancellationToken) =>
        request.RedirectUri ?? (await clients.GetRedirectUrisAsync(client, cancellationToken))[0];
}
