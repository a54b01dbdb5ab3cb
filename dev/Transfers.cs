using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.IdentityModel.Tokens;
using Microsoft.Net.Http.Headers;

namespace McpFilesServer.Dev;

/// <summary>
/// Where the stand-in for Graph keeps contents: under the machine's other loopback name, as the real one does on other hosts. An address is its own permission, so
/// whoever brings a token is refused: it does not belong here.
/// </summary>
internal sealed class Transfers(DevOptions options, Drives drives, TimeProvider time)
{
    /// <summary>What every fragment but the last is a multiple of, in bytes.</summary>
    public const int Unit = 320 * 1024;

    private const long MaxFragment = 60 * 1024 * 1024;

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, (FileInfo File, DateTimeOffset Until)> _offers = new();
    private readonly ConcurrentDictionary<string, Upload> _uploads = new();

    /// <summary>The other name of the loopback address that the provider listens on.</summary>
    public static Uri Origin(DevOptions options) => new UriBuilder(options.Url) { Host = options.Url.Host == "localhost" ? "127.0.0.1" : "localhost" }.Uri;

    /// <summary>An address for the content of a file: for a quarter of an hour, once.</summary>
    public string Offer(FileInfo file)
    {
        var ticket = NewTicket();
        _offers[ticket] = (file, time.GetUtcNow() + Lifetime);

        return $"{Origin(options)}transfers/download?tempauth={ticket}";
    }

    /// <summary>An address for content to come, which gets its name when all of it is there.</summary>
    public JsonObject Begin(Drive drive, string path)
    {
        var ticket = NewTicket();
        var upload = new Upload(drive, path, drives.NewTemporary(), time.GetUtcNow() + Lifetime);
        _uploads[ticket] = upload;
        var answer = Describe(upload);
        answer["uploadUrl"] = $"{Origin(options)}transfers/upload?tempauth={ticket}";

        return answer;
    }

    public IResult Download(string ticket) =>
        _offers.TryRemove(ticket, out var offer) && offer.Until > time.GetUtcNow() && offer.File.Exists
            ? Results.File(offer.File.FullName, "application/octet-stream", enableRangeProcessing: true)
            : Results.StatusCode(StatusCodes.Status401Unauthorized);

    public async Task<IResult> PutAsync(HttpContext context, string ticket)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaxFragment;

        // Out of the list while it is written to: two at once do not meet.
        if (!_uploads.TryRemove(ticket, out var upload) || upload.Until <= time.GetUtcNow())
        {
            return Results.NotFound();
        }

        if (!ContentRangeHeaderValue.TryParse(context.Request.Headers.ContentRange.ToString(), out var range) || range is not { From: { } from, To: { } to, Length: { } length }
            || from != upload.Received || to - from + 1 is var size && (context.Request.ContentLength != size || (to + 1 < length && size % Unit != 0)))
        {
            _uploads[ticket] = upload;

            return Results.Json(Describe(upload), statusCode: StatusCodes.Status416RangeNotSatisfiable);
        }

        await using (var file = File.Open(upload.Temporary, FileMode.OpenOrCreate))
        {
            file.Position = from;
            await context.Request.Body.CopyToAsync(file, context.RequestAborted);
        }

        upload = upload with { Received = to + 1, Until = time.GetUtcNow() + Lifetime };

        if (upload.Received < length)
        {
            _uploads[ticket] = upload;

            return Results.Json(Describe(upload), statusCode: StatusCodes.Status202Accepted);
        }

        var placed = upload.Drive.Place(upload.Temporary, upload.Path);
        upload.Remove();

        return placed is not null
            ? Results.Json(Graph.Describe(placed), statusCode: StatusCodes.Status201Created)
            : Results.Json(new { error = new { code = "nameAlreadyExists", message = "The specified item name already exists." } }, statusCode: StatusCodes.Status409Conflict);
    }

    public IResult Abandon(string ticket)
    {
        if (!_uploads.TryRemove(ticket, out var upload))
        {
            return Results.NotFound();
        }

        upload.Remove();

        return Results.NoContent();
    }

    private static string NewTicket() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    private static JsonObject Describe(Upload upload) => new()
    {
        ["expirationDateTime"] = upload.Until.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        ["nextExpectedRanges"] = new JsonArray($"{upload.Received}-"),
    };

    /// <summary>Content that is on its way.</summary>
    private sealed record Upload(Drive Drive, string Path, string Temporary, DateTimeOffset Until, long Received = 0)
    {
        public void Remove() => File.Delete(Temporary);
    }
}

/// <summary>The addresses of contents.</summary>
internal static class TransferEndpoints
{
    public static void MapTransfers(this IEndpointRouteBuilder routes)
    {
        var transfers = routes.MapGroup("/transfers").AddEndpointFilter(async (invocation, next) =>
            invocation.HttpContext.Request.Headers.Authorization.Count > 0 ? Results.StatusCode(StatusCodes.Status401Unauthorized) : await next(invocation));

        transfers.MapGet("/download", (Transfers all, string tempauth) => all.Download(tempauth));
        transfers.MapPut("/upload", (HttpContext context, Transfers all, string tempauth) => all.PutAsync(context, tempauth));
        transfers.MapDelete("/upload", (Transfers all, string tempauth) => all.Abandon(tempauth));
    }
}
