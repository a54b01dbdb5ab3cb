using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Web;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>A person at a browser, and the program that sent them there.</summary>
internal sealed partial class Browser : IDisposable
{
    public const string Verifier = "a-code-verifier-of-a-test-that-is-long-enough-1234567890";

    private readonly DevServer _server;

    private readonly CookieContainer _cookies;

    public Browser(DevServer server, CookieContainer? cookies = null)
    {
        _server = server;
        _cookies = cookies ?? new CookieContainer();
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = _cookies }) { BaseAddress = new Uri(server.Url) };
    }

    public HttpClient Http { get; }

    public static string Challenge => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>A good authorization request; values given here replace its own, and null takes a parameter away.</summary>
    public static string Request(string client, params (string Name, string? Value)[] changes)
    {
        var parameters = new Dictionary<string, string?>
        {
            ["client_id"] = client,
            ["response_type"] = "code",
            ["redirect_uri"] = "http://127.0.0.1:7777/callback",
            ["scope"] = "files:read offline_access",
            ["state"] = "the state",
            ["code_challenge"] = Challenge,
            ["code_challenge_method"] = "S256",
            ["resource"] = DevServer.Resource,
        };

        foreach (var (name, value) in changes)
        {
            parameters[name] = value;
        }

        return "/authorize?" + string.Join('&', parameters.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value!)}"));
    }

    /// <summary>The hidden fields of the page's form that leads to this place.</summary>
    public static List<KeyValuePair<string, string>> Fields(string page, string action)
    {
        var form = Regex.Match(page, $"""<form method="post" action="{action}">(.*?)</form>""", RegexOptions.Singleline).Groups[1].Value;

        return [.. Hidden().Matches(form).Select(match => KeyValuePair.Create(match.Groups[1].Value, WebUtility.HtmlDecode(match.Groups[2].Value)))];
    }

    public async Task<HttpResponseMessage> PostAsync(string path, List<KeyValuePair<string, string>> fields, string name, string value)
    {
        using var content = new FormUrlEncodedContent([.. fields, KeyValuePair.Create(name, value)]);

        return await Http.PostAsync(path, content);
    }

    /// <summary>Signs in, and comes back to the consent page.</summary>
    public async Task<string> SignInAsync(string request, string user = "alice")
    {
        var page = await Http.GetStringAsync(request);
        using var answer = await PostAsync("/authorize/sign-in", Fields(page, "/authorize/sign-in"), "user", user);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(request, answer.Headers.Location!.ToString());

        return await Http.GetStringAsync(answer.Headers.Location);
    }

    public Task<string> AccountAsync() => Http.GetStringAsync("/authorize/account");

    /// <summary>Presses the button of a client on the account page; of one that has none there, the button of another page.</summary>
    /// <returns>Where the browser is sent.</returns>
    public async Task<string> DisconnectAsync(string client) => await EndAsync("/authorize/account/disconnect", client);

    /// <summary>Presses the button on the account page.</summary>
    /// <returns>Where the browser is sent.</returns>
    public async Task<string> SignOutAsync() => await EndAsync("/authorize/account/sign-out", "");

    /// <summary>A copy of its cookies.</summary>
    public CookieContainer Cookies()
    {
        var copy = new CookieContainer();
        copy.Add(_cookies.GetAllCookies());

        return copy;
    }

    private async Task<string> EndAsync(string form, string client)
    {
        using var answer = await PostAsync(form, Fields(await AccountAsync(), form), "client", client);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);

        return answer.Headers.Location!.ToString();
    }

    /// <summary>Where the browser is sent after the answer, as the parameters of that URL.</summary>
    public async Task<Dictionary<string, string>> DecideAsync(string consent, string decision = "approve")
    {
        using var answer = await PostAsync("/authorize", Fields(consent, "/authorize"), "decision", decision);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);

        return Parameters(answer.Headers.Location!);
    }

    public static Dictionary<string, string> Parameters(Uri location)
    {
        var query = HttpUtility.ParseQueryString(location.Query);

        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    public async Task<string> CodeAsync(string client, params (string Name, string? Value)[] changes) =>
        (await DecideAsync(await SignInAsync(Request(client, [("resource", _server.Audience), .. changes]))))["code"];

    public Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> RedeemAsync(
        string client, string code, string verifier = Verifier, string redirectUri = "http://127.0.0.1:7777/callback", string? resource = null) =>
        _server.PostAsync(
            "/token", ("grant_type", "authorization_code"), ("client_id", client), ("code", code), ("code_verifier", verifier), ("redirect_uri", redirectUri), ("resource", resource ?? _server.Audience));

    public Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> RefreshAsync(string client, string token, string? scope = null) =>
        _server.PostAsync(
            "/token",
            [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token), ("resource", _server.Audience), .. scope is null ? [] : new[] { ("scope", scope) }]);

    public void Dispose() => Http.Dispose();

    [GeneratedRegex("""<input type="hidden" name="([^"]*)" value="([^"]*)">""")]
    private static partial Regex Hidden();
}
