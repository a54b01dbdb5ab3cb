using System.Net;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class PagesTests(SharedDevServer shared) : IClassFixture<SharedDevServer>, IDisposable
{
    private DevServer Server => shared.Server;
    private readonly Browser _browser = new(shared.Server);

    public void Dispose() => _browser.Dispose();

    [Fact]
    public async Task The_consent_page_names_client_host_scopes_and_the_danger_of_loopback()
    {
        var client = await Server.RegisterAsync(name: "Notes & more");
        var page = await _browser.SignInAsync(Browser.Request(client));

        Assert.Contains("Notes &amp; more", page, StringComparison.Ordinal);
        Assert.Contains(client, page, StringComparison.Ordinal);
        Assert.Contains("""class="host">127.0.0.1:7777<""", page, StringComparison.Ordinal);
        Assert.Contains("List, read and search files in your projects", page, StringComparison.Ordinal);
        Assert.Contains("Only continue if you started this", page, StringComparison.Ordinal);
        Assert.Contains("signed in as <strong>alice</strong>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_with_markup_stays_text()
    {
        var client = await Server.RegisterAsync(name: """<script>alert("x")</script>""");
        var page = await _browser.SignInAsync(Browser.Request(client, ("state", "\"><img src=x>")));

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_name_cannot_turn_the_text_around_or_fill_the_page()
    {
        var client = await Server.RegisterAsync(name: "\u202Eevil\n" + new string('x', 500));
        var page = WebUtility.HtmlDecode(await _browser.SignInAsync(Browser.Request(client)));

        Assert.DoesNotContain('\u202E', page);
        Assert.DoesNotContain(new string('x', 81), page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_page_forbids_script_frames_and_keeping()
    {
        var client = await Server.RegisterAsync();
        await AssertHeadersAsync(Browser.Request(client), "form-action 'self';");
        await AssertHeadersAsync(Browser.Request("nobody"), "form-action 'none';");
        await _browser.SignInAsync(Browser.Request(client));
        await AssertHeadersAsync(Browser.Request(client), "form-action 'self' http://127.0.0.1:7777;");
    }

    [Fact]
    public async Task Consent_is_asked_every_time()
    {
        var client = await Server.RegisterAsync();
        await _browser.CodeAsync(client);

        Assert.Contains("decision", await _browser.Http.GetStringAsync(Browser.Request(client), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Denying_tells_the_client_so_with_issuer_and_state()
    {
        var answer = await _browser.DecideAsync(await _browser.SignInAsync(Browser.Request(await Server.RegisterAsync())), "deny");

        Assert.Equal("access_denied", answer["error"]);
        Assert.Equal(Server.Issuer, answer["iss"]);
        Assert.Equal("the state", answer["state"]);
    }

    [Fact]
    public async Task A_decision_without_the_forms_own_token_is_refused()
    {
        var consent = await _browser.SignInAsync(Browser.Request(await Server.RegisterAsync()));
        var fields = Browser.Fields(consent, "/authorize").Where(field => !field.Key.StartsWith("__", StringComparison.Ordinal)).ToList();
        using var answer = await _browser.PostAsync("/authorize", fields, "decision", "approve");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Fact]
    public async Task A_decision_in_the_address_is_no_decision()
    {
        var client = await Server.RegisterAsync();
        await _browser.SignInAsync(Browser.Request(client));
        using var answer = await _browser.Http.GetAsync(Browser.Request(client, ("decision", "approve")), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_form_token_of_one_browser_does_not_work_in_another()
    {
        using var attacker = new Browser(Server);
        var request = Browser.Request(await Server.RegisterAsync());
        var prepared = await attacker.SignInAsync(request);
        await _browser.SignInAsync(request);
        using var answer = await _browser.PostAsync("/authorize", Browser.Fields(prepared, "/authorize"), "decision", "approve");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("Origin", "https://evil.test")]
    [InlineData("Origin", "null")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    public async Task A_form_from_elsewhere_is_refused(string header, string value)
    {
        var consent = await _browser.SignInAsync(Browser.Request(await Server.RegisterAsync()));
        _browser.Http.DefaultRequestHeaders.Add(header, value);
        using var answer = await _browser.PostAsync("/authorize", Browser.Fields(consent, "/authorize"), "decision", "approve");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task The_form_of_a_real_browser_is_accepted()
    {
        var consent = await _browser.SignInAsync(Browser.Request(await Server.RegisterAsync()));
        _browser.Http.DefaultRequestHeaders.Add("Origin", "null"); // what Referrer-Policy: no-referrer makes of it
        _browser.Http.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");

        Assert.NotEmpty((await _browser.DecideAsync(consent))["code"]);
    }

    [Fact]
    public async Task Signing_in_leads_nowhere_else()
    {
        var page = await _browser.Http.GetStringAsync(Browser.Request(await Server.RegisterAsync()), TestContext.Current.CancellationToken);
        var fields = Browser.Fields(page, "/authorize/sign-in").Where(field => field.Key != "return").Append(KeyValuePair.Create("return", "https://evil.test/")).ToList();
        using var answer = await _browser.PostAsync("/authorize/sign-in", fields, "user", "alice");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_person_can_switch_to_the_other_user_on_the_consent_page()
    {
        var request = Browser.Request(await Server.RegisterAsync());
        var consent = await _browser.SignInAsync(request);
        using var answer = await _browser.PostAsync("/authorize/sign-in", Browser.Fields(consent, "/authorize/sign-in"), "user", "bob");

        Assert.Contains("signed in as <strong>bob</strong>", await _browser.Http.GetStringAsync(answer.Headers.Location, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_session_cookie_is_out_of_reach_of_scripts_and_other_paths()
    {
        var page = await _browser.Http.GetStringAsync(Browser.Request(await Server.RegisterAsync()), TestContext.Current.CancellationToken);
        using var answer = await _browser.PostAsync("/authorize/sign-in", Browser.Fields(page, "/authorize/sign-in"), "user", "alice");
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), value => value.StartsWith("dev-provider-session=", StringComparison.Ordinal));

        Assert.Contains("; path=/authorize; samesite=lax; httponly", cookie, StringComparison.Ordinal);
    }

    private async Task AssertHeadersAsync(string path, string formAction)
    {
        using var answer = await _browser.Http.GetAsync(path);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));

        Assert.Contains("default-src 'none'; style-src 'self'; ", policy, StringComparison.Ordinal);
        Assert.Contains(formAction, policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("DENY", Assert.Single(answer.Headers.GetValues("X-Frame-Options")));
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.DoesNotContain("<script", await answer.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
    }
}
