using System.Net;
using McpFilesServer.Tests.Dev;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block I: the development provider's pages, and the browser of a person who is signed in there.</summary>
public sealed class ProviderPageAttacks(SharedDevServer shared) : IClassFixture<SharedDevServer>, IDisposable
{
    private readonly Browser _browser = new(shared.Server);

    private DevServer Server => shared.Server;

    public void Dispose() => _browser.Dispose();

    [Fact]
    [Trait("Attack", "I07")]
    public async Task A_request_that_somebody_else_prepared_asks_the_victim_every_time()
    {
        var mallory = await Server.RegisterAsync("https://evil.test/", "Trust me");
        var prepared = Browser.Request(mallory, ("redirect_uri", "https://evil.test/"));
        await _browser.DecideAsync(await _browser.SignInAsync(prepared));

        // Allowed once already, by this very person; and by another client.
        using var again = await _browser.Http.GetAsync(prepared, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Contains("Allow <strong>Trust me</strong>", await again.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "I07")]
    public async Task A_consent_cannot_be_given_with_the_form_of_another_browser_or_of_none()
    {
        var client = await Server.RegisterAsync();
        using var attacker = new Browser(Server);
        var theirs = Browser.Fields(await attacker.SignInAsync(Browser.Request(client)), "/authorize");
        var ours = Browser.Fields(await _browser.SignInAsync(Browser.Request(client)), "/authorize");

        foreach (var fields in (List<KeyValuePair<string, string>>[])
                 [
                     theirs,
                     [.. ours.Where(field => !field.Key.Contains("RequestVerificationToken", StringComparison.Ordinal))],
                     [.. ours.Select(field => field.Key.Contains("RequestVerificationToken", StringComparison.Ordinal) ? KeyValuePair.Create(field.Key, "x") : field)],
                 ])
        {
            using var answer = await _browser.PostAsync("/authorize", fields, "decision", "approve");
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Null(answer.Headers.Location);
        }
    }

    [Fact]
    [Trait("Attack", "I07")]
    public async Task No_page_can_be_framed_or_run_a_script()
    {
        var client = await Server.RegisterAsync(name: "<img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>");
        var page = await _browser.SignInAsync(Browser.Request(client, ("state", "'\"><script>alert(1)</script>")));
        using var answer = await _browser.Http.GetAsync(Browser.Request(client), TestContext.Current.CancellationToken);

        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<svg", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("DENY", answer.Headers.GetValues("X-Frame-Options").Single());
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script", policy, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "own: a redirect URI put in at the consent")]
    public async Task The_form_of_the_consent_page_is_judged_like_the_request()
    {
        var client = await Server.RegisterAsync();
        var page = await _browser.SignInAsync(Browser.Request(client));

        foreach (var (name, value) in ((string, string)[])[("redirect_uri", "https://evil.test/"), ("client_id", "other"), ("client_id", "https://127.0.0.1/x")])
        {
            List<KeyValuePair<string, string>> fields = [.. Browser.Fields(page, "/authorize").Select(field => field.Key == name ? KeyValuePair.Create(name, value) : field)];
            using var answer = await _browser.PostAsync("/authorize", fields, "decision", "approve");
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Null(answer.Headers.Location);
        }
    }

    [Theory]
    [Trait("Attack", "own: a page of another origin sends the form")]
    [InlineData("https://evil.test", null)]
    [InlineData("http://localhost:1", null)]
    [InlineData("null", null)]
    [InlineData("null", "cross-site")]
    [InlineData(null, "cross-site")]
    [InlineData(null, "same-site")]
    public async Task A_form_from_elsewhere_is_refused_although_all_in_it_is_right(string? origin, string? site)
    {
        var client = await Server.RegisterAsync();
        var fields = Browser.Fields(await _browser.SignInAsync(Browser.Request(client)), "/authorize");
        using var content = new FormUrlEncodedContent([.. fields, KeyValuePair.Create("decision", "approve")]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/authorize") { Content = content };

        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        if (site is not null)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
        }

        using var answer = await _browser.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [Trait("Attack", "own: sign-in that leads elsewhere")]
    [InlineData("https://evil.test/")]
    [InlineData("//evil.test/authorize?")]
    [InlineData("/\\evil.test/authorize?")]
    [InlineData("/authorize@evil.test?")]
    [InlineData("/authorize/../../evil?")]
    [InlineData("javascript:alert(1)//authorize?")]
    [InlineData("")]
    public async Task Sign_in_goes_back_to_the_authorization_and_nowhere_else(string target)
    {
        var page = await _browser.Http.GetStringAsync(Browser.Request(await Server.RegisterAsync()), TestContext.Current.CancellationToken);
        List<KeyValuePair<string, string>> fields = [.. Browser.Fields(page, "/authorize/sign-in").Select(field => field.Key is "return" ? KeyValuePair.Create("return", target) : field)];
        using var answer = await _browser.PostAsync("/authorize/sign-in", fields, "user", "alice");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [Trait("Attack", "own: to be somebody by saying so")]
    [InlineData("login_hint", "bob")]
    [InlineData("id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.")]
    [InlineData("sub", "b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02")]
    [InlineData("user", "bob")]
    [InlineData("acr_values", "bob")]
    public async Task Nobody_is_signed_in_by_a_parameter(string parameter, string value)
    {
        using var answer = await _browser.Http.GetAsync(Browser.Request(await Server.RegisterAsync(), (parameter, value)), TestContext.Current.CancellationToken);
        var page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.True(answer.StatusCode is HttpStatusCode.Found || page.Contains("Who are you today?", StringComparison.Ordinal), page);
        Assert.DoesNotContain("signed in as", page, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "own: a made-up session")]
    [InlineData("dev-provider-session=alice")]
    [InlineData("dev-provider-session=CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("dev-provider-session=7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01")]
    public async Task A_cookie_that_was_not_given_here_signs_nobody_in(string cookie)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Browser.Request(await Server.RegisterAsync())) { Headers = { { "Cookie", cookie } } };
        using var answer = await Server.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Contains("Who are you today?", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "own: a redirect URI that is nearly right")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/callback/")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/callback?x=1")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/Callback")]
    [InlineData("https://client.example.test/callback", "https://CLIENT.example.test/callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test:443/callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test:8443/callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/x/../callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/%63allback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test.evil.test/callback")]
    [InlineData("https://client.example.test/callback", "https://evil.test/https://client.example.test/callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test@evil.test/callback")]
    [InlineData("https://client.example.test/callback", "http://client.example.test/callback")]
    [InlineData("https://client.example.test/callback", "//client.example.test/callback")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/callback#x")]
    [InlineData("https://client.example.test/callback", "https://client.example.test/callback\r\nLocation: https://evil.test")]
    [InlineData("http://localhost:7777/callback", "http://localhost:8888/callback")]
    [InlineData("http://localhost:7777/callback", "http://127.0.0.1:7777/callback")]
    [InlineData("http://localhost:7777/callback", "http://localhost.evil.test:7777/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "http://[::1]:7777/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "http://127.0.0.1:99999999/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "http://127.0.0.1:7777:80/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "http://127.0.0.1:@evil.test/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "http://127.0.0.1:80@evil.test/callback")]
    [InlineData("http://127.0.0.1:7777/callback", "javascript:alert(1)")]
    public async Task Nobody_is_sent_to_an_address_that_was_not_registered(string registered, string asked)
    {
        var client = await Server.RegisterAsync(registered);
        using var answer = await _browser.Http.GetAsync(Browser.Request(client, ("redirect_uri", asked)), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Theory]
    [Trait("Attack", "own: a request too large to be one")]
    [InlineData(2_000)]
    [InlineData(7_000)]
    [InlineData(100_000)]
    public async Task A_huge_client_id_is_refused_and_breaks_nothing(int length)
    {
        using var answer = await Server.Http.GetAsync(Browser.Request(new string('x', length)), TestContext.Current.CancellationToken);

        Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.RequestUriTooLong, HttpStatusCode.RequestHeaderFieldsTooLarge]);
    }

    [Theory]
    [Trait("Attack", "own: the authorization endpoint from a script")]
    [InlineData("GET")]
    [InlineData("OPTIONS")]
    [InlineData("POST")]
    public async Task No_other_origin_may_read_the_authorization_endpoint(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Browser.Request("x"))
        {
            Headers = { { "Origin", "https://evil.test" }, { "Access-Control-Request-Method", "POST" } },
        };
        using var answer = await Server.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.False(answer.IsSuccessStatusCode);
    }
}
