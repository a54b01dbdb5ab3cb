using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>
/// Sessions of browsers. The cookie says who is signed in; a row says that the session has not ended, so that a copy of the cookie is worth nothing after
/// sign-out. The row stands among the tokens, as one of a type of its own, and is thrown away with them.
/// </summary>
internal sealed class Sessions(IOpenIddictTokenManager rows, TimeProvider time)
{
    private const string Type = "session";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    public static void Configure(CookieAuthenticationOptions cookie)
    {
        SignIn.Harden(cookie.Cookie, "session");
        cookie.ExpireTimeSpan = Lifetime;
        cookie.SlidingExpiration = false;
        cookie.Events.OnValidatePrincipal = ValidateAsync;
    }

    /// <summary>Signs this person in. The session of this browser goes on when the other user takes over, and each keeps what they connected.</summary>
    public async Task StartAsync(HttpContext context, Person user)
    {
        var session = context.Session() ?? await OpenAsync(context.RequestAborted);
        var identity = new ClaimsIdentity([new(Claims.Subject, user.Id), new(Claims.Name, user.Name!), new(Type, session)], CookieAuthenticationDefaults.AuthenticationScheme);
        await context.SignInAsync(new ClaimsPrincipal(identity));
    }

    /// <summary>Ends the session of this browser.</summary>
    public async Task EndAsync(HttpContext context)
    {
        if (context.Session() is { } id && await rows.FindByIdAsync(id, context.RequestAborted) is { } row)
        {
            await rows.TryRevokeAsync(row, context.RequestAborted);
        }

        await context.SignOutAsync();
    }

    /// <summary>The id that the cookie carries.</summary>
    public static string? Of(ClaimsPrincipal? browser) => browser?.FindFirstValue(Type);

    /// <summary>Asked for every request that brings a cookie.</summary>
    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var rows = context.HttpContext.RequestServices.GetRequiredService<IOpenIddictTokenManager>();

        if (Of(context.Principal) is not { } id || await rows.FindByIdAsync(id, context.HttpContext.RequestAborted) is not { } row || !await rows.HasStatusAsync(row, Statuses.Valid))
        {
            context.RejectPrincipal();
        }
    }

    private async Task<string> OpenAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var row = await rows.CreateAsync(new OpenIddictTokenDescriptor { Type = Type, Status = Statuses.Valid, CreationDate = now, ExpirationDate = now + Lifetime }, cancellationToken);

        return (await rows.GetIdAsync(row, cancellationToken))!;
    }
}
