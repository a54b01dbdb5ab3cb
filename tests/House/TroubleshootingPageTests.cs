using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>docs/troubleshooting.md: each sentence of its tables is provoked here and is what somebody reads, and none stands there that the code does not say.</summary>
public sealed partial class TroubleshootingPageTests(Server shared) : IDisposable
{
    private const string NotValid = "The access token is not valid here, or not any more. Get a new one and try again.";

    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "docs", "troubleshooting.md")).ReplaceLineEndings("\n");

    /// <summary>Every text in code marks of a table that is a sentence.</summary>
    private static readonly string[] Sentences = [.. Page.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).SelectMany(line => Marked().Matches(line)).Select(match => match.Groups[1].Value).Where(text => text.EndsWith('.') || text.EndsWith("approve", StringComparison.Ordinal))];

    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-files-trouble-").FullName;

    [Fact]
    public void No_sentence_is_on_the_page_that_the_code_does_not_say()
    {
        var sources = string.Concat(((string[])["Auth", "Data", "Tools", "Commands", "dev"]).SelectMany(room => Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, room), "*.cs", SearchOption.AllDirectories))
            .Append(Path.Combine(ServerProcess.RepositoryRoot, "Settings.cs")).Select(File.ReadAllText)).Replace("\\\"", "\"", StringComparison.Ordinal);

        Assert.True(Sentences.Length > 35, $"{Sentences.Length} sentences");
        // Between what is put in: names, settings, and whole sentences that stand elsewhere. The first words of the first are Kestrel's.
        Assert.All(Sentences.SelectMany(sentence => PutIn().Split(sentence)).Select(part => part.Trim(' ', '.')).Where(part => part.Count(c => c == ' ') > 1 && part != "address already in use"), part =>
            Assert.Contains(part, sources, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Urls", "http://127.0.0.1:{taken}", "another program has the port")]
    [InlineData("Dev__Url", "http://127.0.0.1:{taken}", "of the development provider")]
    [InlineData("Urls", "http://192.0.2.1:5080", "an address that this machine has not")]
    [InlineData("Urls", "https://localhost:{free}", "https without a certificate")]
    [InlineData("Kestrel__Endpoints__Https__Certificate__Path", "{folder}/no.pfx", "a certificate that is not there")]
    [InlineData("Kestrel__Endpoints__Https__Certificate__Path", "{folder}/bad.pfx", "or is none")]
    [InlineData("Storage__Directory", "{folder}/bad.pfx", "cannot be written")]
    [InlineData("Storage__Directory", "{running}", "another server has the storage folder")]
    [InlineData("Auth__Issuers__0__Authority", "http://localhost:5081/", "in Production: an issuer")]
    [InlineData("Mcp__Resource", "http://localhost:5080/mcp", "the same: a URL")]
    [InlineData("Dev__Url", "http://localhost:5081", "the same: the provider")]
    [InlineData("Auth__Issuers__0__Authority", "", "no settings of one's own")]
    [InlineData("Mcp__Resourse", "x", "a name of a setting that there is not")]
    public async Task A_server_that_does_not_start_says_why_in_the_line_of_the_page(string key, string value, string row)
    {
        Assert.SkipWhen(row == "https without a certificate" && !OperatingSystem.IsLinux(), "The SDK keeps its certificate for development where another HOME does not hide it.");
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await File.WriteAllTextAsync(Path.Combine(_folder, "bad.pfx"), "not a certificate");
        var production = row.Contains("the same: ", StringComparison.Ordinal) || row.Contains("Production", StringComparison.Ordinal) || row.Contains("one's own", StringComparison.Ordinal);
        (string, string)[] settings =
        [
            ("HOME", _folder), ("Storage__Directory", Path.Combine(_folder, "data")), ("Urls", $"http://localhost:{Server.FreePort()}"),
            .. production ? [("ASPNETCORE_ENVIRONMENT", "Production"), ("Mcp__Resource", "https://files.example.com/mcp"), ("Auth__Issuers__0__Authority", "https://idp.example.com/")]
                : ((string, string)[])[("Dev__Url", $"http://localhost:{Server.FreePort()}")],
            .. key.StartsWith("Kestrel", StringComparison.Ordinal) ? [("Kestrel__Endpoints__Https__Url", $"https://localhost:{Server.FreePort()}")] : Array.Empty<(string, string)>(),
            (key, value.Replace("{taken}", $"{((IPEndPoint)taken.LocalEndpoint).Port}", StringComparison.Ordinal).Replace("{free}", $"{Server.FreePort()}", StringComparison.Ordinal)
                .Replace("{folder}", _folder, StringComparison.Ordinal).Replace("{running}", shared.Storage, StringComparison.Ordinal)),
        ];

        // The last one of a name counts; without a value it is not there.
        var (exitCode, _, error) = await ServerProcess.RunAsync([], [.. settings.Where(setting => setting.Item1 != key || value.Length > 0)]);

        Assert.Equal(1, exitCode);
        AssertIsOnThePage(Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), row);
    }

    [Fact]
    public void A_tool_that_is_not_approved_or_declares_nothing_says_so_in_the_line_of_the_page()
    {
        var tools = shared.Services.GetServices<McpServerTool>().ToList();
        McpServerTool[] added = [.. tools, new Probe().Tool()];

        AssertIsOnThePage(Assert.Throws<SettingsException>(() => new Surface([McpServerTool.Create(() => "hello", new() { Name = "undeclared" })], [], [], new AuthOptions())).Message, "declares no scope");
        AssertIsOnThePage(Assert.Throws<SettingsException>(() => ApprovedSurface.BuiltIn().Require(added, shared.Services.GetServices<McpServerPrompt>(), shared.Services.GetServices<McpServerResource>())).Message, "a tool that is new");
        var was = ApprovedSurface.Describe(tools, [], []);
        was["tools"]!["delete_file"]!["description"] = "Deletes a file.";
        AssertIsOnThePage(Assert.Throws<SettingsException>(() => new ApprovedSurface(was).Require(tools, [], [])).Message, "a tool that changed");
    }

    [Fact]
    public async Task A_refused_caller_hears_a_plain_sentence_and_the_log_has_the_line_of_the_page()
    {
        var log = new LogLines(typeof(Hints).FullName!);
        await using var own = await Server.StartAsync(log.AddTo);
        var tokens = own.Tokens;
        var future = DateTimeOffset.UtcNow.AddMinutes(5).ToUnixTimeSeconds();
        using var stranger = RSA.Create(2048);

        foreach (var (row, token, message) in ((string, string?, Message)[])
        [
            ("the server has another name", null, Message.List().WithHeader("Host", "files.example.com")),
            ("a web page calls", null, Message.List().WithHeader("Origin", "http://localhost:6274")),
            ("an old client", tokens.Forge(), Message.List(legacy: true).WithHeader("MCP-Protocol-Version", "2024-11-05")),
            ("a token for another server", tokens.Forge(claims => claims["aud"] = "https://other.example.com/mcp"), Message.List()),
            ("the issuer calls itself otherwise", tokens.Forge(claims => claims["iss"] = own.Provider.AbsoluteUri.TrimEnd('/')), Message.List()),
            ("a token of another kind", tokens.Forge(header: header => header["typ"] = "JWT"), Message.List()),
            ("a key that the issuer has not", tokens.Forge(header: header => header["kid"] = "stranger", key: stranger), Message.List()),
            ("a clock is wrong", tokens.Forge(claims => (claims["iat"], claims["exp"]) = (future, future + 300)), Message.List()),
            ("tokens live too long", tokens.Forge(claims => claims["exp"] = claims["iat"]!.GetValue<long>() + 3600), Message.List()),
        ])
        {
            var before = log.Lines.Count;
            var answer = await own.SendAsync(token, message);

            var line = Assert.Single(log.Lines.Skip(before));
            Assert.StartsWith("Warning: ", line, StringComparison.Ordinal);
            AssertIsOnThePage(line["Warning: ".Length..], row);
            AssertIsOnThePage(answer.ErrorMessage, answer.ErrorMessage == NotValid ? "a token for another server" : row);
            // What is wrong with a token is nobody's business but the operator's.
            Assert.Equal(token is not null && row != "an old client" ? NotValid : answer.ErrorMessage, answer.ErrorMessage);
        }
    }

    [Theory]
    [InlineData("https", "the proxy is not known")]
    [InlineData(null, "the proxy does not say https")]
    public async Task Behind_a_proxy_that_is_not_set_up_the_log_has_the_line_of_the_page(string? said, string row)
    {
        var log = new LogLines(typeof(Hints).FullName!);
        await using var own = await Server.StartAsync(log.AddTo, ("Mcp:Resource", "https://files.example.com/mcp"));
        using var request = Message.List().WithHeader("Host", "files.example.com").WithHeader("X-Forwarded-Proto", said).ToRequest(new Uri(own.Url, "/mcp"), null);

        var answer = await Answer.ReadAsync(await own.Http.SendAsync(request));

        AssertIsOnThePage(Assert.Single(log.Lines)["Warning: ".Length..], row);
        AssertIsOnThePage(answer.ErrorMessage, "the proxy is not known");
    }

    [Fact]
    public async Task An_issuer_that_gives_no_keys_is_named_with_the_reason()
    {
        var nothing = Server.FreePort();
        await using var issuer = await TestIssuer.StartAsync();
        var clock = new MovedClock();
        foreach (var (authority, does, why) in ((string, Action<TestIssuer>, string)[])
        [
            ($"http://localhost:{nothing}", _ => { }, "nothing listens there. Start it, or correct host and port."),
            ("https://idp.invalid/", _ => { }, "there is no such host. Correct the name, or this machine's name server."),
            ($"{issuer.Authority}/nowhere", _ => { }, "it answered 404 to its discovery or its keys. Correct Authority, or look there."),
            (issuer.Authority, from => from.Name = "https://idp.example.com/", "its discovery document is that of \"https://idp.example.com/\". Set Authority to exactly the name that the issuer has for itself."),
            (issuer.Authority, from => from.Instead = async http => await http.Response.WriteAsync("<html>"), "its discovery document cannot be read. Look at it in a browser."),
        ])
        {
            var log = new LogLines(typeof(Hints).FullName!);
            does(issuer);
            await using var own = await Server.StartAsync(services => { clock.Replace(services); log.AddTo(services); }, ("Auth:Issuers:1:Authority", authority));
            var answer = await own.SendAsync(own.Tokens.Forge(claims => claims["iss"] = authority), Message.List());

            var line = Assert.Single(log.Lines)["Warning: ".Length..];
            Assert.Equal($"Auth:Issuers:1:Authority: the keys of {authority} cannot be had: {why} Nobody gets in with its tokens until they can.", line);
            AssertIsOnThePage(line, "the issuer is away");
            AssertIsOnThePage(why, null);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
            AssertIsOnThePage(answer.ErrorMessage, "the issuer is away");
        }

        // What a test cannot make of a socket: a certificate that nobody knows, a firewall, a break in the middle.
        AssertIsOnThePage(IssuerFault.Of(new HttpRequestException(null, new AuthenticationException())), null);
        AssertIsOnThePage(IssuerFault.Of(new HttpRequestException(null, new SocketException((int)SocketError.NetworkUnreachable))), null);
        AssertIsOnThePage(IssuerFault.Of(new HttpRequestException(null, new IOException())), null);
        AssertIsOnThePage(IssuerFault.Of(new TaskCanceledException()), null);
        using var http = new HttpClient();
        AssertIsOnThePage((await Assert.ThrowsAsync<IssuerUnavailableException>(() => new KeyDocuments(http, false).GetDocumentAsync("http://idp.example.com/keys", default))).Message, null);
    }

    [Fact]
    public async Task In_Production_the_issuers_are_asked_as_soon_as_the_server_is_up()
    {
        var port = Server.FreePort();
        // A fork's own downstream APIs: its tools do not start without them.
        var apis = new ConfigurationBuilder().AddJsonFile(Path.Combine(ServerProcess.RepositoryRoot, "appsettings.Development.json")).Build().GetSection("Downstream").AsEnumerable()
            .Where(setting => setting.Value is not null).Select(setting => (setting.Key.Replace(":", "__", StringComparison.Ordinal), setting.Value!));
        var started = ServerProcess.RunUntilAsync(
            line => line.Contains("cannot be had", StringComparison.Ordinal), [.. apis, ("HOME", _folder), ("ASPNETCORE_ENVIRONMENT", "Production"), ("Storage__Directory", Path.Combine(_folder, "data")), ("Urls", $"http://localhost:{port}"),
            ("Mcp__Resource", "https://files.example.com/mcp"), ("Auth__Issuers__0__Authority", "https://idp.invalid/")]);

        Assert.Contains("Auth:Issuers:0:Authority: the keys of https://idp.invalid/ cannot be had: ", await started, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_issuer_whose_clock_is_another_is_named_when_it_gives_its_keys()
    {
        var log = new LogLines(typeof(Hints).FullName!);
        await using var issuer = await TestIssuer.StartAsync();
        var clock = new MovedClock();
        clock.Advance(TimeSpan.FromMinutes(3));
        await using var own = await Server.StartAsync(services => { clock.Replace(services); log.AddTo(services); }, ("Auth:Issuers:1:Authority", issuer.Authority));

        await own.SendAsync(issuer.Token(own.Resource), Message.List());

        var line = Assert.Single(log.Lines)["Warning: ".Length..];
        Assert.Matches($"^By the clock of {issuer.Authority} it is 1[78]\\d seconds earlier than here", line);
        AssertIsOnThePage(line, "as soon as keys are fetched");
    }

    [Fact]
    public void A_hint_comes_once_a_minute_and_outside_Development_has_nothing_of_the_request()
    {
        var (log, clock) = (new LogLines(typeof(Hints).FullName!), new MovedClock());
        var issuer = new IssuerOptions { Authority = "https://idp.example.com/" };
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(log));
        Hints In(string environment) => new(new McpOptions { Resource = "https://files.example.com/mcp" }, new AuthOptions { Issuers = [issuer] }, new Environment(environment), clock, factory.CreateLogger<Hints>());
        var context = new DefaultHttpContext { Request = { Host = new HostString("canary") } };
        context.Request.Headers.Origin = context.Request.Headers["X-Forwarded-Proto"] = context.Request.Headers.Authorization = context.Request.Headers["MCP-Protocol-Version"] = "canary";
        var reasons = HintReason().Matches(File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "Auth", "Hints.cs"))).Select(match => match.Groups[1].Value).Distinct().Append("anything_else").ToList();
        var production = In("Production");

        for (var i = 0; i < 1000; i++)
        {
            foreach (var reason in reasons)
            {
                context.Features.Set(new TokenFault(reason) { Issuer = issuer, Came = "canary" });
                production.After(new Refusal(400, 0, "", reason), context);
            }
        }

        Assert.True(reasons.Count > 10, string.Join(' ', reasons));
        Assert.InRange(log.Lines.Count, 10, reasons.Count);
        Assert.All(log.Lines, line => Assert.DoesNotContain("canary", line, StringComparison.Ordinal));
        var before = log.Lines.Count;
        clock.Advance(TimeSpan.FromSeconds(61));
        production.After(Refusal.HostNotAllowed, context);
        context.Request.Headers.Host = "a\nb\u202e" + new string('x', 1000);
        In("Development").After(Refusal.HostNotAllowed, context);
        Assert.Equal(before + 2, log.Lines.Count);
        Assert.Contains("It was \"a\\nb\\u202Exxx", log.Lines.Last(), StringComparison.Ordinal);
        Assert.DoesNotContain(new string('x', 201), log.Lines.Last(), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The sentence is one of the page's; in the row that begins so, when it is named.</summary>
    private static void AssertIsOnThePage(string said, string? row)
    {
        var rows = Page.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && (row is null || line.Split('|')[1].Contains(row, StringComparison.Ordinal))).ToList();
        Assert.True(row is null || rows.Count == 1, $"{rows.Count} rows for '{row}'");
        Assert.True(rows.SelectMany(line => Marked().Matches(line)).Any(match => Regex.IsMatch(said, $"^{string.Join(".*", match.Groups[1].Value.Split('…').Select(Regex.Escape))}$")), $"Not in docs/troubleshooting.md{(row is null ? "" : $", row '{row}'")}: {said}");
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Marked();

    [GeneratedRegex(@"…|\. |; |[^ ]*[:'/()…][^ ]*")]
    private static partial Regex PutIn();

    [GeneratedRegex("\"([a-z]+(?:_[a-z]+)+)\"(?: or| when| =>)")]
    private static partial Regex HintReason();

    private sealed class Environment(string name) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = name;

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = "";

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
