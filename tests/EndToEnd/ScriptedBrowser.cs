using System.Net;
using System.Text.RegularExpressions;
using System.Web;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>What a person reads before deciding: who asks, in whose name, for what, and where the answer goes.</summary>
internal sealed record ConsentPage(string Client, string User, IReadOnlyDictionary<string, string> Scopes, string AnswerGoesTo, bool WarnsOfLoopback)
{
    /// <summary>The names of the scopes, as the page shows them beside the words.</summary>
    public IEnumerable<string> Names => Scopes.Keys;
}

/// <summary>
/// A person at a browser with no script in it: signs in when asked to, reads the consent page, and presses a button. It keeps cookies,
/// sends only the fields that the page's own form has, and follows no redirect away from the provider: that is for the client under test.
/// </summary>
internal sealed partial class ScriptedBrowser(string user = "alice") : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>All consent pages that were shown, oldest first.</summary>
    public List<ConsentPage> Consents { get; } = [];

    /// <summary>How often the person had to say who they are.</summary>
    public int SignIns { get; private set; }

    /// <summary>What the person presses; without it, Allow.</summary>
    public Func<ConsentPage, bool> Approves { get; set; } = _ => true;

    /// <summary>Opens the page that a client sent the person to, and returns where the provider sends the browser in the end.</summary>
    public async Task<Uri> VisitAsync(Uri page, CancellationToken cancellationToken)
    {
        var html = await GetAsync(page, cancellationToken);
        if (!Forms(html).Any(form => form.Action == "/authorize"))
        {
            SignIns++;
            var back = await SubmitAsync(page, html, "/authorize/sign-in", ("user", user), cancellationToken);
            Assert.Equal(page, back);
            html = await GetAsync(back, cancellationToken);
        }

        var consent = Read(html);
        Consents.Add(consent);
        return await SubmitAsync(page, html, "/authorize", ("decision", Approves(consent) ? "approve" : "deny"), cancellationToken);
    }

    /// <summary>
    /// Goes where the provider sent the browser: to the client's own small web server. A client may start it only after it has opened the browser, and a
    /// person is slower than that; this one tries until it is there.
    /// </summary>
    public async Task FollowAsync(Uri callback, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, callback) { Headers = { ConnectionClose = true } };
                using var response = await _http.SendAsync(request, cancellationToken);
                return;
            }
            catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ConnectionError)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
        }
    }

    /// <summary>Opens the page with what the person has connected, and disconnects this client.</summary>
    public async Task DisconnectAsync(Uri provider, string client, CancellationToken cancellationToken)
    {
        var page = new Uri(provider, "/authorize/account");
        var html = await GetAsync(page, cancellationToken);
        Assert.Contains($"""<button name="client" value="{client}" """.TrimEnd(), html, StringComparison.Ordinal);
        var done = await SubmitAsync(page, html, "/authorize/account/disconnect", ("client", client), cancellationToken);
        Assert.EndsWith("?done=disconnected", done.AbsoluteUri, StringComparison.Ordinal);
    }

    /// <summary>The parameters of a URL.</summary>
    public static IReadOnlyDictionary<string, string> Parameters(Uri url)
    {
        var query = HttpUtility.ParseQueryString(url.Query);
        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> GetAsync(Uri page, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(page, cancellationToken);
        var html = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.StatusCode == HttpStatusCode.OK ? html : throw new InvalidOperationException($"{(int)response.StatusCode} for {page}: {html}");
    }

    private async Task<Uri> SubmitAsync(Uri page, string html, string action, (string Name, string Value) button, CancellationToken cancellationToken)
    {
        var form = Forms(html).First(form => form.Action == action);
        using var content = new FormUrlEncodedContent([.. form.Hidden, KeyValuePair.Create(button.Name, button.Value)]);
        using var response = await _http.PostAsync(new Uri(page, action), content, cancellationToken);
        return response is { StatusCode: HttpStatusCode.SeeOther, Headers.Location: { } location }
            ? new Uri(page, location)
            : throw new InvalidOperationException($"{(int)response.StatusCode} for the form {action}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
    }

    private static ConsentPage Read(string html) => new(
        Text(Heading().Match(html).Groups[1].Value),
        Text(SignedIn().Match(html).Groups[1].Value),
        Scope().Matches(html).ToDictionary(match => Text(match.Groups[2].Value), match => Text(match.Groups[1].Value)),
        Text(Host().Match(html).Groups[1].Value),
        html.Contains("This program runs on this computer.", StringComparison.Ordinal));

    private static IEnumerable<(string Action, IEnumerable<KeyValuePair<string, string>> Hidden)> Forms(string html) =>
        Form().Matches(html).Select(form => (
            form.Groups[1].Value,
            HiddenField().Matches(form.Groups[2].Value).Select(field => KeyValuePair.Create(Text(field.Groups[1].Value), Text(field.Groups[2].Value)))));

    private static string Text(string html) => WebUtility.HtmlDecode(html);

    [GeneratedRegex("""<form method="post" action="([^"]*)">(.*?)</form>""", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("""<input type="hidden" name="([^"]*)" value="([^"]*)">""")]
    private static partial Regex HiddenField();

    [GeneratedRegex("<h1>Allow <strong>(.*?)</strong>", RegexOptions.Singleline)]
    private static partial Regex Heading();

    [GeneratedRegex("You are signed in as <strong>(.*?)</strong>")]
    private static partial Regex SignedIn();

    [GeneratedRegex("<li(?: class=\"new\")?>(.*?) <code>(.*?)</code>")]
    private static partial Regex Scope();

    [GeneratedRegex("""<strong class="host">(.*?)</strong>""")]
    private static partial Regex Host();
}
