using System.Security.Claims;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>Who sits at the browser: chosen with a button, kept in a cookie until the browser ends, for a day at most.</summary>
internal static class SignIn
{
    private const string Root = "/authorize";

    public static void MapSignIn(this IEndpointRouteBuilder routes)
    {
        routes.MapPost($"{Root}/sign-in", SignInAsync);
        routes.MapGet(Pages.StylePath, Pages.StyleSheet);
    }

    /// <summary>
    /// Cookies for these pages only. They have no Secure and no __Host- prefix, because the provider speaks plain http on loopback; cookies do not know
    /// ports either, so the path keeps them away from the server next door.
    /// </summary>
    public static void Harden(CookieBuilder cookie, string name)
    {
        cookie.Name = $"dev-provider-{name}";
        cookie.Path = Root;
        cookie.HttpOnly = true;
        cookie.SameSite = SameSiteMode.Lax;
    }

    /// <summary>The person whom the cookie names.</summary>
    public static Person? User(this HttpContext context) => People.WithId(context.User.FindFirstValue(Claims.Subject));

    /// <summary>The session of this browser, while it lasts.</summary>
    public static string? Session(this HttpContext context) => Sessions.Of(context.User);

    private static async Task<IResult> SignInAsync(HttpContext context, IAntiforgery forgery, Sessions sessions)
    {
        if (!await forgery.IsRequestValidAsync(context))
        {
            return Pages.Error("This page is out of date.");
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);

        // Only back to a page of our own: a form must not become a way to send people elsewhere.
        if (People.Named(form["user"]) is not { } user || form["return"].ToString() is not { } target || !(target.StartsWith($"{Root}?", StringComparison.Ordinal) || target == Account.Path))
        {
            return Pages.Error("There is no such user, or nothing to go back to.");
        }

        await sessions.StartAsync(context, user);

        return Results.Redirect(target); // the door makes it a 303
    }
}
