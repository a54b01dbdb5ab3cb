using System.Net;
using System.Security.Cryptography;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// Block C where contents go and come: to addresses that Graph names, on other hosts. One that is not allowed is never dialled, none ever gets a token, and what
/// goes wrong on the way leaves nothing behind.
/// </summary>
public sealed class TransferAttacks : IAsyncLifetime
{
    private const string All = "projects:read projects:write files:read files:write drive:read drive:write";
    private const string Unreachable = "Microsoft Graph could not be reached. Try again in a minute.";
    private const string Unusable = "Microsoft Graph gave an answer that this server does not use. Try again in a minute; if it goes on, tell the operator.";
    private const string Otherwise = "What came for 'a.bin' is not what was announced, and nothing was kept of it. It may have changed meanwhile: try again.";

    /// <summary>Graph and, under the other loopback name, its storage.</summary>
    private GraphStub _graph = null!;

    private Uri Storage => new UriBuilder(_graph.Url) { Host = "localhost" }.Uri;

    public async ValueTask InitializeAsync() => _graph = await GraphStub.StartAsync();

    public ValueTask DisposeAsync() => _graph.DisposeAsync();

    [Theory]
    [Trait("Attack", "C07")]
    [Trait("Attack", "C08")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("http://[::1]:6379/")]
    [InlineData("http://0x7f.1:6379/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://127.0.0.1.nip.io/")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://localhost.evil.example/")]
    [InlineData("http://evil.example/localhost")]
    [InlineData("http://localhost@evil.example/")]
    [InlineData("http://user:password@localhost:PORT/x")]
    [InlineData("http://localhost:PORT/x#fragment")]
    [InlineData("https://files.allowed.example.evil.example/")]
    [InlineData("https://evilallowed.example/")]
    [InlineData("https://allowed.example/")]
    [InlineData("https://.allowed.example/")]
    [InlineData("https://x.allowed.example./")]
    [InlineData("https://x.allowed.example:8443/")]
    [InlineData("http://x.allowed.example/")]
    [InlineData("https://x.xn--llowed-5nf.example/")]
    [InlineData("ftp://localhost/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://localhost:6379/_x")]
    [InlineData("//localhost:PORT/x")]
    [InlineData("/x")]
    [InlineData("x")]
    public async Task An_address_that_is_not_allowed_is_never_dialled(string address)
    {
        address = address.Replace("PORT", _graph.Url.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
        var dialled = new List<string>();
        await using var server = await StartAsync(dialled, [("Graph:TransferHosts:1", "*.allowed.example")]);
        _graph.Answer = Drive(10, content: Redirect(Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri.AbsoluteUri : address), uploadUrl: address);
        var mine = await Mine.OfAsync(server);

        Assert.Equal(Unusable, (await ImportAsync(server, mine)).Failure);
        Assert.Equal(Unusable, (await ExportAsync(server, mine)).Failure);

        Assert.Empty(dialled);
        Assert.All(_graph.Requests, request => Assert.StartsWith("/v1.0/", request.Target, StringComparison.Ordinal));
        AssertNothingIsLeft(mine);
    }

    [Theory]
    [Trait("Attack", "C07")]
    [InlineData("169.254.169.254")]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("192.168.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("100.64.0.1")]
    [InlineData("168.63.129.16")]
    [InlineData("0.0.0.0")]
    [InlineData("255.255.255.255")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("fe80::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("2002:a9fe:a9fe::")]
    [InlineData("93.184.215.14,169.254.169.254")]
    [InlineData("")]
    public async Task An_allowed_name_that_resolves_into_this_network_is_not_dialled(string addresses)
    {
        var resolved = new List<string>();
        await using var server = await StartAsync(resolved, [("Graph:TransferHosts:1", "*.allowed.example")], [.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)]);
        _graph.Answer = Drive(10, content: Redirect("https://x.allowed.example/x"));
        var mine = await Mine.OfAsync(server);

        Assert.Equal(Unreachable, (await ImportAsync(server, mine)).Failure);

        Assert.All(resolved, host => Assert.Equal("x.allowed.example", host));
        AssertNothingIsLeft(mine);
    }

    [Theory]
    [Trait("Attack", "C08")]
    [InlineData("http://localhost/x", false)]
    [InlineData("https://localhost/x", false)]
    [InlineData("https://127.0.0.1/x", false)]
    [InlineData("http://contoso-my.sharepoint.com/x", false)]
    [InlineData("https://contoso-my.sharepoint.com:444/x", false)]
    [InlineData("https://sharepoint.com/x", false)]
    [InlineData("https://contoso.sharepoint.com.evil.example/x", false)]
    [InlineData("https://contoso-my.sharepoint.com/x", true)]
    [InlineData("https://CONTOSO-my.SharePoint.com/personal/a/_layouts/15/download.aspx?tempauth=x", true)]
    [InlineData("https://contoso-my.sharepoint.com:443/x", true)]
    public void In_Production_only_https_on_allowed_hosts_is_called(string address, bool isAllowed)
    {
        var options = new GraphOptions { TransferHosts = ["*.sharepoint.com", "localhost", "127.0.0.1"] };

        Assert.Equal(isAllowed, new TransferHosts(options, new Elsewhere("Production")).Allow(new Uri(address)));
        Assert.False(new TransferHosts(options, new Elsewhere("Production")).Allow("localhost", IPAddress.Loopback));
        Assert.True(new TransferHosts(options, new Elsewhere("Development")).Allow("localhost", IPAddress.Loopback));
        Assert.False(new TransferHosts(options, new Elsewhere("Development")).Allow("localhost", IPAddress.Parse("93.184.215.14")));
    }

    [Theory]
    [InlineData("*", "Production")]
    [InlineData("*.com", "Production")]
    [InlineData("*.*.com", "Production")]
    [InlineData("", "Production")]
    [InlineData("10.0.0.1", "Production")]
    [InlineData("127.0.0.1", "Production")]
    [InlineData("localhost", "Production")]
    [InlineData("[::1]", "Production")]
    [InlineData("https://x.example.com", "Production")]
    [InlineData("x.example.com:443", "Production")]
    [InlineData("x.example.com/", "Production")]
    [InlineData("10.0.0.1", "Development")]
    [InlineData("*", "Development")]
    public void A_transfer_host_that_would_allow_too_much_stops_the_start(string host, string environment) =>
        Assert.Contains("Graph:TransferHosts", Assert.Single(new GraphOptions { TransferHosts = [host] }.Problems(new Elsewhere(environment))), StringComparison.Ordinal);

    public static TheoryData<string> Transfers => [.. Misbehaving.Keys];

    private static Dictionary<string, (string Sentence, Func<HttpContext, Task> Answer)> Misbehaving { get; } = new()
    {
        ["redirects"] = (Unusable, Redirect("http://localhost:1/elsewhere")),
        ["refuses"] = (Unusable, Status(403)),
        ["fails"] = (Unusable, Status(500)),
        ["gives a part"] = (Unusable, Bytes(10, status: 206)),
        ["announces more"] = (Unusable, Bytes(11)),
        ["announces less"] = (Unusable, Bytes(9)),
        ["announces a hundred megabytes"] = (Unusable, Bytes(100 * 1024 * 1024)),
        ["sends more without announcing it"] = (Otherwise, Bytes(11, announced: false)),
        ["sends a hundred megabytes without announcing them"] = (Otherwise, Bytes(100 * 1024 * 1024, announced: false)),
        ["sends less without announcing it"] = (Otherwise, Bytes(9, announced: false)),
        ["sends nothing"] = (Unusable, Bytes(0, announced: false)),
        ["is packed"] = (Unusable, context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return Bytes(10)(context);
        }
        ),
        ["breaks off"] = (Unreachable, async context =>
        {
            context.Response.ContentLength = 10;
            await context.Response.Body.WriteAsync(new byte[5]);
            await context.Response.Body.FlushAsync();
            context.Abort();
        }
        ),
        ["hangs"] = (Unreachable, context => Task.Delay(Timeout.Infinite, context.RequestAborted)),
        ["hangs in the middle"] = (Unreachable, async context =>
        {
            context.Response.ContentLength = 10;
            await context.Response.Body.WriteAsync(new byte[5]);
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        ),
    };

    [Theory]
    [Trait("Attack", "C08")]
    [Trait("Attack", "C10")]
    [MemberData(nameof(Transfers))]
    public async Task Whatever_the_storage_does_an_import_is_whole_or_leaves_nothing(string kind)
    {
        await using var server = await Server.StartAsync(settings: _graph.Settings("localhost", kind.StartsWith("hangs", StringComparison.Ordinal) ? "00:00:01" : "00:00:20"));
        _graph.Answer = Drive(10, content: Redirect($"{Storage}x"), storage: Misbehaving[kind].Answer);
        var mine = await Mine.OfAsync(server);

        Assert.Equal(Misbehaving[kind].Sentence, (await ImportAsync(server, mine)).Failure);

        AssertNothingIsLeft(mine);
        Assert.DoesNotContain(_graph.Requests, request => request.Target.StartsWith("/elsewhere", StringComparison.Ordinal));
        _graph.Answer = Drive(10, content: Redirect($"{Storage}x"), storage: Bytes(10));
        Assert.False((await ImportAsync(server, mine)).IsError);
    }

    [Fact]
    [Trait("Attack", "OB-01")]
    public async Task No_token_and_nothing_of_the_call_ever_goes_to_the_storage()
    {
        await using var server = await Server.StartAsync(settings: _graph.Settings("localhost"));
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        _graph.Answer = Drive(10, content: Redirect($"{Storage}x?tempauth=1"), storage: Bytes(10), uploadUrl: $"{Storage}up?tempauth=2");

        Assert.False((await ImportAsync(server, mine, token)).IsError);
        await ExportAsync(server, mine, token);

        var (graph, storage) = (_graph.Requests.Where(request => request.Host == _graph.Url.Authority).ToList(), _graph.Requests.Where(request => request.Host == Storage.Authority).ToList());
        Assert.Equal(["GET /x?tempauth=1", "PUT /up?tempauth=2", "DELETE /up?tempauth=2"], storage.Select(request => $"{request.Method} {request.Target}"));
        Assert.All(storage, request => Assert.Empty(request.Headers.Keys.Except(["Host", "Content-Length", "Content-Range"])));
        Assert.Equal(3, graph.Count);
        Assert.All(graph, request =>
        {
            var sent = new JsonWebToken(request.Authorization!["Bearer ".Length..]);
            Assert.Equal((Tokens.Alice, $"{server.Provider}graph"), (sent.Subject, Assert.Single(sent.Audiences)));
            Assert.Equal(request.Method == "POST" ? "Files.ReadWrite" : "Files.Read", sent.GetClaim("scp").Value);
        });
        Assert.All(_graph.Requests, request => Assert.DoesNotContain(token.Split('.')[2], $"{request.Target} {string.Join('\n', request.Headers.Values)}", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Attack", "SE-08: who hangs up in the middle of an import")]
    public async Task An_import_that_is_cancelled_leaves_no_temporary_and_takes_no_room()
    {
        await using var server = await Server.StartAsync(settings: [.. _graph.Settings("localhost"), ("Files:Quota:Bytes", "2000000"), ("Files:MaxFileBytes", "2000000")]);
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        var arrived = new TaskCompletionSource();
        _graph.Answer = Drive(1_500_000, content: Redirect($"{Storage}x"), storage: async context =>
        {
            await context.Response.Body.WriteAsync(new byte[1_000_000]);
            await context.Response.Body.FlushAsync();
            arrived.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        using var hangUp = new CancellationTokenSource();
        var call = CallAsync(hangUp.Token);
        await arrived.Task;
        Assert.Contains(Files(mine), file => file.Contains("tmp-", StringComparison.Ordinal));

        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);

        for (var i = 0; i < 200 && Files(mine).Count > 0; i++)
        {
            await Task.Delay(50);
        }

        AssertNothingIsLeft(mine);
        _graph.Answer = Drive(1_500_000, content: Redirect($"{Storage}x"), storage: Bytes(1_500_000));
        Assert.False((await ImportAsync(server, mine)).IsError);

        async Task CallAsync(CancellationToken cancellationToken)
        {
            using var request = Message.Call("import_from_drive", new { project = mine.Slug, drive_path = "a.bin", path = "a.bin" }).ToRequest(new Uri(server.Resource), token);
            using var response = await server.Http.SendAsync(request, cancellationToken);
        }
    }

    public static TheoryData<string> Uploads => [.. Uploading.Keys];

    private static Dictionary<string, (string Sentence, int Puts, Func<HttpContext, Task> Answer)> Uploading { get; } = new()
    {
        ["fails"] = ("Microsoft Graph could not do this. Try again in a minute.", 1, Status(500)),
        ["does not know the upload any more"] = (Unusable, 1, Status(404)),
        ["is busy"] = ("Microsoft Graph could not do this. Try again in a minute.", 1, Status(503)),
        ["redirects"] = ("Microsoft Graph could not do this. Try again in a minute.", 1, Redirect("http://localhost:1/elsewhere")),
        ["has the name by now"] = ("There is already a file or folder 'b.bin' in your OneDrive.", 1, Status(409)),
        ["wants the first part again and again"] = (Unusable, 1, Json(202, new { nextExpectedRanges = (string[])["0-"] })),
        ["wants a part that there is not"] = (Unusable, 1, Json(202, new { nextExpectedRanges = (string[])["99999999999-"] })),
        ["wants nonsense"] = (Unusable, 1, Json(202, new { nextExpectedRanges = (string[])["-1-x"] })),
        ["says it is done in the middle"] = (Unusable, 1, Json(201, new { name = "b.bin", size = 5, file = new { } })),
        ["says nothing"] = (Unusable, 1, Status(202)),
        ["floods"] = (Unreachable, 1, Bytes(1024 * 1024, status: 202)),
        ["hangs"] = (Unreachable, 1, context => Task.Delay(Timeout.Infinite, context.RequestAborted)),
        ["hangs in its answer"] = (Unreachable, 1, async context =>
        {
            context.Response.StatusCode = 202;
            await context.Response.WriteAsync("{");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        ),
    };

    [Theory]
    [Trait("Attack", "C10")]
    [MemberData(nameof(Uploads))]
    public async Task An_upload_that_goes_wrong_is_tried_once_and_taken_back(string kind)
    {
        var (sentence, puts, answer) = Uploading[kind];
        await using var server = await Server.StartAsync(settings: _graph.Settings("localhost", kind.StartsWith("hangs", StringComparison.Ordinal) ? "00:00:02" : "00:00:20"));
        _graph.Answer = Drive(10, uploadUrl: $"{Storage}up", storage: context => context.Request.Method == "DELETE" ? Status(204)(context) : answer(context));

        Assert.Equal(sentence, (await ExportAsync(server, await Mine.OfAsync(server))).Failure);

        Assert.Equal([.. Enumerable.Repeat("PUT", puts), "DELETE"], _graph.Requests.Where(request => request.Target == "/up").Select(request => request.Method));
        Assert.Single(_graph.Requests, request => request.Method == "POST");
    }

    [Theory]
    [InlineData(500)]
    [InlineData(429)]
    [InlineData(503)]
    public async Task What_changes_something_is_never_tried_twice(int status)
    {
        await using var server = await Server.StartAsync(settings: _graph.Settings("localhost"));
        _graph.Answer = Status(status);
        var mine = await Mine.OfAsync(server);

        Assert.NotEmpty((await ExportAsync(server, mine, size: 10)).Failure);
        Assert.NotEmpty((await ExportAsync(server, mine)).Failure);

        Assert.Equal(["PUT", "POST"], _graph.Requests.Select(request => request.Method));
    }

    /// <summary>A Graph with one file, whose parts the test plays.</summary>
    private static Func<HttpContext, Task> Drive(long size, Func<HttpContext, Task>? content = null, Func<HttpContext, Task>? storage = null, string? uploadUrl = null) => context =>
        context.Request switch
        {
            { Host.Host: "localhost" } => (storage ?? Status(404))(context),
            { Method: "POST" } => Json(200, new { uploadUrl, nextExpectedRanges = (string[])["0-"] })(context),
            { Path.Value: var path } when path!.EndsWith(":/content", StringComparison.Ordinal) => content!(context),
            _ => Json(200, new { name = "a.bin", size, file = new { } })(context),
        };

    private static Func<HttpContext, Task> Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    private static Func<HttpContext, Task> Json(int status, object body) => context =>
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(body);
    };

    private static Func<HttpContext, Task> Redirect(string location) => context =>
    {
        context.Response.StatusCode = 302;
        context.Response.Headers.Location = location;
        return Task.CompletedTask;
    };

    private static Func<HttpContext, Task> Bytes(int count, int status = 200, bool announced = true) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentLength = announced ? count : null;
        var block = new byte[64 * 1024];
        for (var sent = 0; sent < count && !context.RequestAborted.IsCancellationRequested; sent += block.Length)
        {
            await context.Response.Body.WriteAsync(block.AsMemory(0, Math.Min(block.Length, count - sent)));
        }
    };

    /// <summary>A server that remembers which names it resolved, which it does before it dials anything.</summary>
    private Task<Server> StartAsync(List<string> resolved, (string, string)[] settings, params IPAddress[] addresses) => Server.StartAsync(
        services => services.AddSingleton<ResolveHost>((host, _) =>
        {
            resolved.Add(host);
            return Task.FromResult(addresses);
        }),
        [.. _graph.Settings("localhost"), .. settings]);

    private static async Task<Answer> ImportAsync(Server server, Mine mine, string? token = null) =>
        await server.CallAsync(token ?? await server.Tokens.OfAsync("alice", All), "import_from_drive", new { project = mine.Slug, drive_path = "a.bin", path = "a.bin" });

    private static async Task<Answer> ExportAsync(Server server, Mine mine, string? token = null, int size = 4 * 1024 * 1024)
    {
        var name = $"{RandomNumberGenerator.GetHexString(8)}.bin";
        await File.WriteAllBytesAsync(mine.On(name), new byte[size]);
        var answer = await server.ConfirmAsync(token ?? await server.Tokens.OfAsync("alice", All), "export_to_drive", new { project = mine.Slug, path = name, drive_path = "b.bin" });
        File.Delete(mine.On(name));
        return answer;
    }

    private static List<string> Files(Mine mine) => [.. Directory.EnumerateFiles(mine.Root, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".gitignore", StringComparison.Ordinal))];

    private static void AssertNothingIsLeft(Mine mine)
    {
        Assert.Empty(Files(mine));
        Assert.Empty(mine.TrashRows());
        Assert.DoesNotContain(mine.History(), deed => deed.Action == "import_from_drive");
    }

    private sealed class Elsewhere(string environment) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = environment;

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = "";

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
