using System.Net;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>What a person sees of the programs he connected, and that nobody else presses his buttons.</summary>
public sealed class AccountTests(SharedDevServer shared) : IClassFixture<SharedDevServer>, IDisposable
{
    private readonly Browser _browser = new(shared.Server);

    private DevServer Server => shared.Server;

    public void Dispose() => _browser.Dispose();

    [Fact]
    public async Task The_root_leads_to_the_account_page_which_asks_who_one_is_and_comes_back()
    {
        using var root = await _browser.Http.GetAsync("/", TestContext.Current.CancellationToken);
        Assert.Equal("/authorize/account", root.Headers.Location!.ToString());

        Assert.Contains("signed in as <strong>bob</strong>", await _browser.SignInAsync("/authorize/account", "bob"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_shows_each_client_with_host_scopes_in_words_and_time_and_nobody_elses()
    {
        using var bobs = new Browser(Server);
        await Connection.MakeAsync(Server, bobs, "bob", name: "Bob's program");
        var connection = await Connection.MakeAsync(Server, _browser, name: "Notes <b>& more</b>", scope: "files:read");
        await Connection.MakeAsync(Server, _browser, client: connection.Client, scope: "files:write");
        var page = await _browser.AccountAsync();

        Assert.Contains("signed in as <strong>alice</strong>", page, StringComparison.Ordinal);
        Assert.Contains("Notes &lt;b&gt;&amp; more&lt;/b&gt;</h2>", page, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:7777 · connected in this browser", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.Contains("List, read and search files in your projects <code>files:read</code>", page, StringComparison.Ordinal);
        Assert.Contains("Create and change files in your projects <code>files:write</code>", page, StringComparison.Ordinal);
        Assert.Contains("Stay connected", page, StringComparison.Ordinal);
        Assert.Contains($"<time datetime=\"{DateTimeOffset.Now:yyyy-MM-dd}", page, StringComparison.Ordinal);
        Assert.Single(page.Split(connection.Client).Skip(1), after => after.StartsWith("\" class=\"quiet\"", StringComparison.Ordinal));
        Assert.DoesNotContain("Bob", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_disconnected_or_has_run_out_is_not_shown()
    {
        var clock = new Clock();
        await using var server = await DevServer.StartAsync(clock: clock, settings: ("Dev:RefreshTokenLifetime", "01:00:00"));
        using var browser = new Browser(server);
        var first = await Connection.MakeAsync(server, browser, name: "The first program");
        await Connection.MakeAsync(server, browser, name: "The second program");

        Assert.EndsWith("done=disconnected-late", await browser.DisconnectAsync(first.Client), StringComparison.Ordinal);
        var page = await browser.AccountAsync();
        Assert.DoesNotContain("The first program", page, StringComparison.Ordinal);
        Assert.Contains("The second program", page, StringComparison.Ordinal);

        clock.Advance(TimeSpan.FromMinutes(61));
        Assert.Contains("No program is connected", await browser.AccountAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/authorize/account/disconnect")]
    [InlineData("/authorize/account/sign-out")]
    public async Task A_form_without_its_own_token_or_from_elsewhere_ends_nothing(string form)
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        var fields = Browser.Fields(await _browser.AccountAsync(), form);
        Assert.NotEmpty(fields);

        using var naked = await _browser.PostAsync(form, [], "client", connection.Client);
        Assert.Equal(HttpStatusCode.BadRequest, naked.StatusCode);

        using var address = await _browser.Http.GetAsync($"{form}?client={connection.Client}", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, address.StatusCode);

        _browser.Http.DefaultRequestHeaders.Add("Origin", "https://evil.test");
        using var foreign = await _browser.PostAsync(form, fields, "client", connection.Client);
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);

        await connection.AssertAliveAsync();
    }

    [Fact]
    public async Task A_copy_of_the_cookie_is_worth_nothing_after_signing_out()
    {
        await Connection.MakeAsync(Server, _browser);
        using var thief = new Browser(Server, _browser.Cookies());
        Assert.Contains("signed in as <strong>alice</strong>", await thief.AccountAsync(), StringComparison.Ordinal);

        await _browser.SignOutAsync();

        Assert.DoesNotContain("signed in as", await thief.AccountAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("decision", await thief.Http.GetStringAsync(Browser.Request(await Server.RegisterAsync()), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_words_after_a_form_are_never_those_of_the_address()
    {
        var page = await _browser.Http.GetStringAsync("/authorize/account?done=Your+password+please", TestContext.Current.CancellationToken);

        Assert.DoesNotContain("password please", page, StringComparison.Ordinal);
        Assert.DoesNotContain("role=\"status\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_account_page_forbids_script_frames_and_keeping()
    {
        await Connection.MakeAsync(Server, _browser, name: "<script>alert(1)</script>");
        using var answer = await _browser.Http.GetAsync("/authorize/account", TestContext.Current.CancellationToken);

        Assert.Equal(
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.DoesNotContain("<script", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_step_up_shows_what_is_new_and_a_first_consent_marks_nothing()
    {
        var connection = await Connection.MakeAsync(Server, _browser);
        var more = Browser.Request(connection.Client, ("scope", "files:read files:write"));
        var page = await _browser.Http.GetStringAsync(more, TestContext.Current.CancellationToken);

        Assert.Contains("<li class=\"new\">Create and change files in your projects <code>files:write</code> <strong>new</strong></li>", page, StringComparison.Ordinal);
        Assert.Contains("<li>List, read and search files in your projects <code>files:read</code></li>", page, StringComparison.Ordinal);
        Assert.Single(page.Split("class=\"new\"").Skip(1));

        using var elsewhere = new Browser(Server);
        Assert.DoesNotContain("class=\"new\"", await elsewhere.SignInAsync(more, "bob"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://assistant.example.test/callback", true)]
    [InlineData("http://127.0.0.1:7777/callback", false)]
    public async Task An_answer_that_leaves_this_computer_is_warned_of(string redirectUri, bool warned)
    {
        var client = await Server.RegisterAsync(redirectUri);
        var page = await _browser.SignInAsync(Browser.Request(client, ("redirect_uri", redirectUri)));

        Assert.Equal(warned, page.Contains("<strong>assistant.example.test</strong> is not on this computer", StringComparison.Ordinal));
    }
}
