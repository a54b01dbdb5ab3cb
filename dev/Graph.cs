using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Dev;

/// <summary>
/// A small stand-in for Microsoft Graph v1.0: the parts that the server calls, as strict as the real one about tokens and queries, and with its
/// shapes of answers and errors. Another part is another <c>MapGet</c> in the group, with the scope that it needs.
/// </summary>
internal static partial class Graph
{
    private static readonly string[] UserProperties = ["id", "displayName", "mail", "userPrincipalName", "jobTitle"];

    public static void MapGraph(this IEndpointRouteBuilder routes, DevOptions options)
    {
        var graph = routes.MapGroup("/graph/v1.0");

        graph.MapGet("/me", (HttpContext context) => Me(context, options)).Requires("User.ReadBasic.All", options);
        graph.MapGet("/users", (HttpContext context) => Users(context, options)).Requires("User.ReadBasic.All", options);
        graph.MapDrive(options);
        graph.MapFallback(() => Error(StatusCodes.Status404NotFound, "ResourceNotFound", "The stand-in does not have this part of Microsoft Graph.")).Requires(null, options);
    }

    private static IResult Me(HttpContext context, DevOptions options)
    {
        var person = People.WithId(((JsonWebToken)context.Items[typeof(JsonWebToken)]!).Subject)!;
        var user = Describe(person, UserProperties);
        user.Insert(0, "@odata.context", $"{options.Graph}/v1.0/$metadata#users/$entity");

        return Results.Json(user);
    }

    private static IResult Users(HttpContext context, DevOptions options)
    {
        var query = context.Request.Query;

        if (query.Keys.FirstOrDefault(key => key is not ("$search" or "$select" or "$top" or "$count" or "$orderby")) is { } unknown)
        {
            return BadRequest($"The query parameter '{unknown}' is not supported.");
        }

        if (query.ContainsKey("$search") && !string.Equals(context.Request.Headers["ConsistencyLevel"], "eventual", StringComparison.OrdinalIgnoreCase))
        {
            return Error(StatusCodes.Status400BadRequest, "Request_UnsupportedQuery", "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'");
        }

        var select = query["$select"].ToString() is { Length: > 0 } names ? names.Split(',', StringSplitOptions.TrimEntries) : UserProperties;
        var top = 100;

        if (select.FirstOrDefault(name => !UserProperties.Contains(name)) is { } missing)
        {
            return BadRequest($"Could not find a property named '{missing}' on type 'microsoft.graph.user'.");
        }

        if (query.ContainsKey("$top") && (!int.TryParse(query["$top"], out top) || top is < 1 or > 999))
        {
            return BadRequest("Invalid page size specified. Must be between 1 and 999 inclusive.");
        }

        if (Matches(query["$search"].ToString()) is not { } matches)
        {
            return BadRequest("Syntax error in $search: write \"displayName:text\", in double quotes, joined by OR or AND.");
        }

        return Results.Json(new JsonObject
        {
            ["@odata.context"] = $"{options.Graph}/v1.0/$metadata#users",
            ["value"] = new JsonArray([.. People.All.Where(matches).Take(top).Select(person => Describe(person, select))]),
        });
    }

    /// <summary>The clauses of a <c>$search</c>. AND binds tighter than OR. Nothing when it cannot be read.</summary>
    private static Func<Person, bool>? Matches(string search)
    {
        if (search is "")
        {
            return _ => true;
        }

        if (!Search().IsMatch(search))
        {
            return null;
        }

        var any = search.Split(" OR ").Select(all => all.Split(" AND ").Select(clause => Clause().Match(clause)).ToArray()).ToArray();

        return person => any.Any(all => all.All(clause => Matches(person, clause.Groups["property"].Value, clause.Groups["text"].Value)));
    }

    /// <summary>Graph compares the beginnings of the words of a display name, and the beginning of anything else, whatever the case.</summary>
    private static bool Matches(Person person, string property, string text) => property switch
    {
        "displayName" => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(word => person.DisplayName.Split(' ').Any(part => part.StartsWith(word, StringComparison.OrdinalIgnoreCase))),
        _ => person.Mail.StartsWith(text, StringComparison.OrdinalIgnoreCase),
    };

    private static JsonObject Describe(Person person, IEnumerable<string> properties) => new(properties.Distinct().Select(property => KeyValuePair.Create<string, JsonNode?>(property, property switch
    {
        "id" => person.Id,
        "displayName" => person.DisplayName,
        "jobTitle" => person.JobTitle,
        _ => person.Mail,
    })));

    /// <summary>The token is for this API, of this provider, not expired, and has the scope or one that includes it; or the endpoint is never reached.</summary>
    private static void Requires(this IEndpointConventionBuilder endpoint, string? scope, DevOptions options) => endpoint.AddEndpointFilter(async (invocation, next) =>
    {
        var context = invocation.HttpContext;
        var tokens = (AccessTokens)context.RequestServices.GetService(typeof(AccessTokens))!;
        var header = context.Request.Headers.Authorization.ToString();

        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) || await tokens.ReadAsync(header[7..], options.Graph) is not { } token)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return Error(StatusCodes.Status401Unauthorized, "InvalidAuthenticationToken", "Access token is empty, invalid, expired, or for another audience.");
        }

        if (scope is not null && !token.GetClaim("scp").Value.Split(' ').Any(held => held == scope || (held, scope) is ("Files.ReadWrite", "Files.Read")))
        {
            return Error(StatusCodes.Status403Forbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
        }

        context.Items[typeof(JsonWebToken)] = token;

        return await next(invocation);
    });

    private static IResult BadRequest(string message) => Error(StatusCodes.Status400BadRequest, "BadRequest", message);

    private static IResult Error(int status, string code, string message) => Results.Json(new { error = new { code, message } }, statusCode: status);

    [GeneratedRegex("""^"(displayName|mail|userPrincipalName):[^"]+"( (OR|AND) "(displayName|mail|userPrincipalName):[^"]+")*$""", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Search();

    [GeneratedRegex("""^"(?<property>[A-Za-z]+):(?<text>[^"]+)"$""", RegexOptions.CultureInvariant)]
    private static partial Regex Clause();
}
