using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Front;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.FileProviders;
using Xunit;

namespace McpFilesServer.Tests.Front;

/// <summary>The page at <c>/</c>: true, and harmless.</summary>
public sealed partial class FrontPageTests(Server server)
{
    [Fact]
    public async Task Every_tool_resource_and_prompt_stands_there_with_all_its_scopes_and_whether_it_asks_first()
    {
        var items = Item().Matches(Section().Replace(WebUtility.HtmlDecode(await PageAsync(server)), section =>
            // What a tool takes is the permission whose card it is in, and what stands beside it.
            section.Value.Replace("<li>", $"<li scope=\"{section.Groups[1].Value}\">", StringComparison.Ordinal)))
            .Select(item => (item.Groups[2].Value, Scopes: string.Join(' ', Code().Matches(item.Groups[3].Value).Select(code => code.Groups[1].Value).Append(item.Groups[1].Value).Where(scope => scope.Length > 0).Order(StringComparer.Ordinal)), item.Value.Contains("asks you first", StringComparison.Ordinal)));
        var operations = server.Services.GetRequiredService<Surface>().Operations
            .Select(operation => (operation.Target!, Scopes: string.Join(' ', operation.Scopes.Order(StringComparer.Ordinal)), operation.Asks is not null));

        Assert.Equal(operations.Order(), items.Order());
    }

    [Fact]
    public async Task It_loads_runs_and_sends_nothing_and_its_policy_says_so()
    {
        using var answer = await server.Http.GetAsync("/", TestContext.Current.CancellationToken);
        var page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var style = Style().Match(page).Groups[1].Value;

        Assert.Equal(
            $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.DoesNotMatch("<script|<form|<iframe| on[a-z]+=| style=|<img|url\\(\"(?!data:)|@import", page);
        Assert.All(Source().Matches(page).Select(match => match.Groups[1].Value), source => Assert.StartsWith("data:image/svg", source, StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_says_whether_the_server_is_ready()
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Instead = context =>
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return Task.CompletedTask;
        };
        await using var own = await Server.StartAsync(settings: ("Auth:Issuers:0:Authority", issuer.Authority));
        Assert.Contains("""<dd class="state off">Not ready.""", await PageAsync(own), StringComparison.Ordinal);

        issuer.Instead = null;
        var page = await PageAsync(own);
        for (var i = 0; i < 100 && !page.Contains("""<dd class="state">Ready""", StringComparison.Ordinal); i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            page = await PageAsync(own);
        }

        Assert.Contains("""<dd class="state">Ready""", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_click_adds_this_server_to_a_client_that_takes_links()
    {
        var page = WebUtility.HtmlDecode(await PageAsync(server));

        using var code = JsonDocument.Parse(Uri.UnescapeDataString(VsCode().Match(page).Groups[1].Value));
        Assert.Equal(("files", "http", server.Resource), (code.RootElement.GetProperty("name").GetString(), code.RootElement.GetProperty("type").GetString(), code.RootElement.GetProperty("url").GetString()));
        using var cursor = JsonDocument.Parse(Convert.FromBase64String(Uri.UnescapeDataString(Cursor().Match(page).Groups[1].Value)));
        Assert.Equal(server.Resource, cursor.RootElement.GetProperty("url").GetString());
    }

    [Fact]
    public async Task What_runs_in_the_cloud_is_named_only_where_it_gets_to_the_server()
    {
        await using var reached = await Server.StartAsync(settings: [("Mcp:Resource", "https://files.example.com/mcp"), ("Mcp:KnownProxies:0", "127.0.0.1"), ("Mcp:KnownProxies:1", "::1")]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "files.example.com" } };
        request.Headers.Add("X-Forwarded-Proto", "https");
        using var answer = await reached.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Contains("claude.ai", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.DoesNotContain("claude.ai", await PageAsync(server), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://files.example.com/mcp", true)]
    [InlineData("https://files.example.com:8443/mcp", true)]
    [InlineData("http://files.example.com/mcp", false)]
    [InlineData("https://localhost/mcp", false)]
    [InlineData("https://files.localhost/mcp", false)]
    [InlineData("https://files/mcp", false)]
    [InlineData("https://files.internal/mcp", false)]
    [InlineData("https://nas.local/mcp", false)]
    [InlineData("https://router.home.arpa/mcp", false)]
    [InlineData("https://127.0.0.1/mcp", false)]
    [InlineData("https://192.168.1.4/mcp", false)]
    [InlineData("https://93.184.216.34/mcp", false)]
    [InlineData("https://[::1]/mcp", false)]
    public void The_cloud_gets_to_public_names_by_https(string resource, bool reached) =>
        Assert.Equal(reached, Connections.To(resource).Any(connection => connection.Client == "claude.ai"));

    [Fact]
    public async Task In_Production_it_names_no_version_and_no_file_of_the_source()
    {
        await using var own = await Server.StartAsync(services => services.Replace(ServiceDescriptor.Singleton<IWebHostEnvironment>(new Production())));
        var page = await PageAsync(own);

        Assert.Contains("<dd>Production</dd>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("SECURITY.md", page, StringComparison.Ordinal);
        Assert.Contains(", version ", await PageAsync(server), StringComparison.Ordinal);
    }

    private static Task<string> PageAsync(Server server) => server.Http.GetStringAsync("/", TestContext.Current.CancellationToken);

    [GeneratedRegex("<section>\n<h3>[^<]*</h3>\n<p><code>([^<]+)</code></p>.*?</section>", RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex("<li(?: scope=\"([^\"]+)\")?><code>([^<]+)</code> <span>(.*?)</span></li>")]
    private static partial Regex Item();

    [GeneratedRegex("<code>([^<]+)</code>")]
    private static partial Regex Code();

    [GeneratedRegex("<style>(.*?)</style>", RegexOptions.Singleline)]
    private static partial Regex Style();

    [GeneratedRegex("(?:src|<link[^>]*href)=\"([^\"]*)\"")]
    private static partial Regex Source();

    [GeneratedRegex("\"vscode:mcp/install\\?([^\"]+)\"")]
    private static partial Regex VsCode();

    [GeneratedRegex("\"cursor://anysphere\\.cursor-deeplink/mcp/install\\?name=files&config=([^\"]+)\"")]
    private static partial Regex Cursor();

    private sealed class Production : IWebHostEnvironment
    {
        public string EnvironmentName { get; set; } = "Production";

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = AppContext.BaseDirectory;

        public string WebRootPath { get; set; } = "";

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();

        public IFileProvider WebRootFileProvider { get; set; } = new NullFileProvider();
    }
}
