using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Dev;

/// <content>The drive of whoever the token is of: items and folders by path, contents by redirect, uploads small and large. Nothing is ever replaced.</content>
internal static partial class Graph
{
    private const long MaxContent = 250L * 1024 * 1024;

    private static readonly string[] ItemProperties = ["id", "name", "size", "eTag", "lastModifiedDateTime", "file", "folder"];

    private static void MapDrive(this IEndpointRouteBuilder graph, DevOptions options)
    {
        graph.MapGet("/me/drive/root", (HttpContext context) => Item(context, "")).Requires("Files.Read", options);
        graph.MapGet("/me/drive/root/children", (HttpContext context) => Children(context, "", options)).Requires("Files.Read", options);
        graph.MapGet("/me/drive/root:/{**path}", (HttpContext context, string path) => Parts(path) switch
        {
            (var item, null) => Item(context, item),
            (var item, "children") => Children(context, item, options),
            (var item, "content") => Content(context, item),
            _ => BadRequest("Resource not found for the segment."),
        }).Requires("Files.Read", options);
        graph.MapPut("/me/drive/root:/{**path}", (HttpContext context, string path) => Parts(path) is (var item, "content")
            ? PutAsync(context, item) : Task.FromResult(BadRequest("Only content can be put."))).Requires("Files.ReadWrite", options);
        graph.MapPost("/me/drive/root:/{**path}", (HttpContext context, string path) => Parts(path) is (var item, "createUploadSession")
            ? CreateUploadSessionAsync(context, item) : Task.FromResult(BadRequest("Only an upload session can be made."))).Requires("Files.ReadWrite", options);
    }

    /// <summary>An item of a drive as Graph describes it, of which the caller wants these properties; all when he names none.</summary>
    public static JsonObject Describe(FileSystemInfo entry, string[]? select = null) => new((select ?? ItemProperties)
        .Select(property => KeyValuePair.Create<string, JsonNode?>(property, (property, entry) switch
        {
            ("id", _) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(entry.FullName)))[..32],
            ("name", _) => entry.Name,
            ("size", FileInfo file) => file.Length,
            ("size", DirectoryInfo folder) => folder.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length),
            ("eTag", _) => $"\"{entry.LastWriteTimeUtc.Ticks:x},1\"",
            ("lastModifiedDateTime", _) => entry.LastWriteTimeUtc.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ("file", FileInfo) => new JsonObject { ["mimeType"] = "application/octet-stream" },
            ("folder", DirectoryInfo folder) => new JsonObject { ["childCount"] = folder.EnumerateFileSystemInfos().Count() },
            _ => null,
        }))
        .Where(property => property.Value is not null));

    /// <summary>"a/b:/content" is what of which item; "a/b" and "a/b:" are the item.</summary>
    private static (string Item, string? Part) Parts(string path) =>
        path.IndexOf(":/", StringComparison.Ordinal) is >= 0 and var at ? (path[..at], path[(at + 2)..]) : (path.TrimEnd(':'), null);

    private static Drive DriveOf(HttpContext context) => Service<Drives>(context).Of(((JsonWebToken)context.Items[typeof(JsonWebToken)]!).Subject);

    private static T Service<T>(HttpContext context) => (T)context.RequestServices.GetService(typeof(T))!;

    /// <summary>What is wrong with a path, or who asks too often, before anything is looked at.</summary>
    private static IResult? Refusal(HttpContext context, string path)
    {
        if (DriveOf(context).IsThrottled(path))
        {
            context.Response.Headers.RetryAfter = "1";
            return Error(StatusCodes.Status429TooManyRequests, "activityLimitReached", "The app or user has been throttled.");
        }

        return path.Length > 0 && !Drive.IsPath(path) ? Error(StatusCodes.Status400BadRequest, "invalidRequest", "The name in the provided path is not valid.") : null;
    }

    private static IResult NotFound() => Error(StatusCodes.Status404NotFound, "itemNotFound", "The resource could not be found.");

    private static IResult Taken() => Error(StatusCodes.Status409Conflict, "nameAlreadyExists", "The specified item name already exists.");

    private static string[]? Selected(StringValues select) => select.ToString() is { Length: > 0 } names ? names.Split(',', StringSplitOptions.TrimEntries) : null;

    private static IResult Item(HttpContext context, string path)
    {
        var select = Selected(context.Request.Query["$select"]);

        return Refusal(context, path) is { } refusal ? refusal
            : select?.FirstOrDefault(name => !ItemProperties.Contains(name)) is { } missing ? BadRequest($"Could not find a property named '{missing}' on type 'microsoft.graph.driveItem'.")
            : DriveOf(context).Find(path) is { } found ? Results.Json(Describe(found, select))
            : NotFound();
    }

    private static IResult Children(HttpContext context, string path, DevOptions options)
    {
        var query = context.Request.Query;
        var select = Selected(query["$select"]);
        var (top, skip) = (200, 0);

        if (Refusal(context, path) is { } refusal)
        {
            return refusal;
        }

        if (query.Keys.FirstOrDefault(key => key is not ("$select" or "$top" or "$skiptoken" or "$orderby" or "$count")) is { } unknown)
        {
            return BadRequest($"The query parameter '{unknown}' is not supported.");
        }

        if (select?.FirstOrDefault(name => !ItemProperties.Contains(name)) is { } missing)
        {
            return BadRequest($"Could not find a property named '{missing}' on type 'microsoft.graph.driveItem'.");
        }

        if ((query.ContainsKey("$top") && (!int.TryParse(query["$top"], out top) || top is < 1 or > 1000)) || (query.ContainsKey("$skiptoken") && !int.TryParse(query["$skiptoken"], out skip)))
        {
            return BadRequest("Invalid page size or token specified.");
        }

        if (DriveOf(context).Find(path) is not DirectoryInfo folder)
        {
            return NotFound();
        }

        var page = Drive.Children(folder).Skip(skip).Take(top + 1).ToList();
        var answer = new JsonObject
        {
            ["@odata.context"] = $"{options.Graph}/v1.0/$metadata#drive/root/children",
            ["value"] = new JsonArray([.. page.Take(top).Select(entry => Describe(entry, select))]),
        };

        if (page.Count > top)
        {
            var rest = string.Join('&', query.Where(pair => pair.Key != "$skiptoken").Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value.ToString())}"));
            answer["@odata.nextLink"] = $"{options.Graph}{context.Request.Path.ToUriComponent()["/graph".Length..]}?{rest}&$skiptoken={skip + top}";
        }

        return Results.Json(answer);
    }

    /// <summary>Not here: at an address on another host, which is good once and for whoever has it.</summary>
    private static IResult Content(HttpContext context, string path) =>
        Refusal(context, path) is { } refusal ? refusal
        : DriveOf(context).Find(path) is FileInfo file ? Results.Redirect(Service<Transfers>(context).Offer(file))
        : NotFound();

    private static async Task<IResult> PutAsync(HttpContext context, string path)
    {
        if (Refusal(context, path) is { } refusal)
        {
            return refusal;
        }

        if (context.Request.Query["@microsoft.graph.conflictBehavior"] != "fail")
        {
            return BadRequest("The stand-in replaces nothing: ask for the conflict behaviour 'fail'.");
        }

        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaxContent;
        var temporary = Service<Drives>(context).NewTemporary();

        try
        {
            await using (var file = File.Create(temporary))
            {
                await context.Request.Body.CopyToAsync(file, context.RequestAborted);
            }

            return DriveOf(context).Place(temporary, path) is { } placed ? Results.Json(Describe(placed), statusCode: StatusCodes.Status201Created) : Taken();
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static async Task<IResult> CreateUploadSessionAsync(HttpContext context, string path)
    {
        if (Refusal(context, path) is { } refusal)
        {
            return refusal;
        }

        var body = await JsonSerializer.DeserializeAsync<JsonObject>(context.Request.Body, cancellationToken: context.RequestAborted);

        if ((string?)body?["item"]?["@microsoft.graph.conflictBehavior"] != "fail")
        {
            return BadRequest("The stand-in replaces nothing: ask for the conflict behaviour 'fail'.");
        }

        return DriveOf(context).Find(path) is null ? Results.Json(Service<Transfers>(context).Begin(DriveOf(context), path)) : Taken();
    }
}
