using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace McpFilesServer.Dev;

/// <summary>Where a person sees which programs he has connected, disconnects one, and signs out. What ends here ends at the server, too.</summary>
internal static class Account
{
    /// <summary>Below the path of the cookies. The root of the provider leads here.</summary>
    public const string Path = "/authorize/account";

    public const string DisconnectPath = $"{Path}/disconnect";

    public const string SignOutPath = $"{Path}/sign-out";

    /// <summary>What may have happened, as it stands in the address after a form. The words are ours, whatever the address says.</summary>
    private static readonly Dictionary<string, Notice> Notices = new()
    {
        ["disconnected"] = new("Disconnected. The program has to ask you again before it can use your files."),
        ["signed-out"] = new("You are signed out, and the programs that you connected in this browser are disconnected."),
        ["disconnected-late"] = new("Disconnected. The files server has not confirmed it and will be told again; until then the program may go on for a few minutes.", IsWarning: true),
        ["signed-out-late"] = new("You are signed out. The files server has not confirmed it and will be told again; until then the programs that you connected in this browser may go on for a few minutes.", IsWarning: true),
    };

    public static void MapAccount(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", () => Results.Redirect(Path));
        routes.MapGet(Path, ShowAsync);
        routes.MapPost(DisconnectPath, DisconnectAsync);
        routes.MapPost(SignOutPath, SignOutAsync);
    }

    private static async Task<IResult> ShowAsync(HttpContext context, IAntiforgery forgery, Grants grants, DevOptions options, TimeProvider time)
    {
        var tokens = forgery.GetAndStoreTokens(context);
        var notice = Notices.GetValueOrDefault(context.Request.Query["done"].ToString());

        return context.User() is { } user
            ? Pages.Account(user, await grants.OfAsync(user, context.RequestAborted), context.Session()!, options, time.LocalTimeZone, notice, tokens)
            : Pages.SignIn(Path, tokens, notice);
    }

    private static async Task<IResult> DisconnectAsync(HttpContext context, IAntiforgery forgery, Grants grants)
    {
        if (!await forgery.IsRequestValidAsync(context) || context.User() is not { } user)
        {
            return Pages.Error("This page is out of date.");
        }

        return Done("disconnected", await grants.EndClientAsync(user, context.Request.Form["client"].ToString()));
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, IAntiforgery forgery, Grants grants, Sessions sessions)
    {
        if (!await forgery.IsRequestValidAsync(context) || context.User() is not { } user)
        {
            return Pages.Error("This page is out of date.");
        }

        // The session first, so that nothing new is connected in it meanwhile.
        var session = context.Session()!;
        await sessions.EndAsync(context);

        return Done("signed-out", await grants.EndSessionAsync(user, session));
    }

    private static IResult Done(string what, bool confirmed) => Results.Redirect($"{Path}?done={what}{(confirmed ? "" : "-late")}"); // the door makes it a 303
}

/// <summary>What a page says has just happened.</summary>
/// <param name="Words">In words.</param>
/// <param name="IsWarning">Whether it did not go quite as it should.</param>
internal sealed record Notice(string Words, bool IsWarning = false);
