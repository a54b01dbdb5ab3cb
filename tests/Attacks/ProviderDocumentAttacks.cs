using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using McpFilesServer.Tests.Dev;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block I: what a client id that is an address could make the provider do.</summary>
public sealed class ProviderDocumentAttacks
{
    /// <summary>With the settings as they are shipped: nothing of this machine is ever dialled.</summary>
    [Theory]
    [Trait("Attack", "I08")]
    [InlineData("https://127.0.0.1:{0}/x")]
    [InlineData("http://127.0.0.1:{0}/x")]
    [InlineData("https://localhost:{0}/x")]
    [InlineData("http://localhost:{0}/x")]
    [InlineData("https://[::1]:{0}/x")]
    [InlineData("https://[::ffff:127.0.0.1]:{0}/x")]
    [InlineData("https://[::ffff:169.254.169.254]/x")]
    [InlineData("https://[::127.0.0.1]:{0}/x")]
    [InlineData("https://[64:ff9b::7f00:1]:{0}/x")]
    [InlineData("https://[2002:7f00:1::]:{0}/x")]
    [InlineData("https://2130706433:{0}/x")]
    [InlineData("https://0x7f000001:{0}/x")]
    [InlineData("https://0x7f.1:{0}/x")]
    [InlineData("https://0177.0.0.1:{0}/x")]
    [InlineData("https://127.1:{0}/x")]
    [InlineData("https://0:{0}/x")]
    [InlineData("https://0.0.0.0:{0}/x")]
    [InlineData("https://10.0.0.1/x")]
    [InlineData("https://172.16.0.1/x")]
    [InlineData("https://192.168.0.1/x")]
    [InlineData("https://100.64.0.1/x")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://client.example.test@127.0.0.1:{0}/x")]
    [InlineData("https://127.0.0.1:{0}\\@client.example.test/x")]
    [InlineData("https://127.0.0.1:{0}/x#client.example.test")]
    [InlineData("https://localhost.:{0}/x")]
    [InlineData("https://LOCALHOST:{0}/x")]
    [InlineData("https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{0}/x")]
    [InlineData("https://127\u30020.0.1:{0}/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://127.0.0.1:{0}/x")]
    public async Task No_client_id_leads_into_this_machine(string clientId)
    {
        await using var server = await DevServer.StartAsync();
        using var listener = new TcpListener(IPAddress.IPv6Any, 0) { Server = { DualMode = true } };
        listener.Start();
        using var answer = await server.Http.GetAsync(
            Browser.Request(clientId.Replace("{0}", $"{((IPEndPoint)listener.LocalEndpoint).Port}", StringComparison.Ordinal)), TestContext.Current.CancellationToken);

        await ClientDocumentTests.AssertRefusedAsync(answer);
        Assert.False(listener.Pending());
    }

    [Theory]
    [Trait("Attack", "I08")]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_not_followed(int status) => await RefusedAsync(
        context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "/inside";
            return Task.CompletedTask;
        });

    [Fact]
    [Trait("Attack", "I08")]
    public async Task A_document_without_end_is_given_up_when_it_is_too_large()
    {
        var given = new TaskCompletionSource();
        await RefusedAsync(async context =>
        {
            context.Response.ContentType = "application/json";
            var chunk = Encoding.ASCII.GetBytes(new string(' ', 64 * 1024));

            try
            {
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(chunk, context.RequestAborted);
                }
            }
            finally
            {
                given.SetResult();
            }
        });

        await given.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    [Fact]
    [Trait("Attack", "I08")]
    public async Task A_good_document_is_not_taken_when_it_is_one_byte_too_large()
    {
        await RefusedAsync(context => DocumentStub.TextAsync(context, Padded(context, (64 * 1024) + 1)));

        await using var stub = await DocumentStub.StartAsync();
        stub.Answer = context => DocumentStub.TextAsync(context, Padded(context, 64 * 1024));
        await using var server = await DevServer.StartAsync(settings: ("Dev:AllowLoopbackClientDocuments", "true"));
        using var answer = await server.Http.GetAsync(Browser.Request(stub.ClientId), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [Trait("Attack", "I08")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_document_that_never_ends_is_given_up(bool drips)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60)); // the deadline is 5 s; a slow machine is no failure
        await RefusedAsync(
            async context =>
            {
                context.Response.ContentType = "application/json";

                do
                {
                    await Task.Delay(drips ? 200 : 120_000, context.RequestAborted);
                    await context.Response.WriteAsync(" ", context.RequestAborted);
                    await context.Response.Body.FlushAsync(context.RequestAborted);
                }
                while (true);
            },
            limit.Token);
    }

    [Theory]
    [Trait("Attack", "I08")]
    [InlineData("{0}/Client.json")]
    [InlineData("{0}/client.json/")]
    [InlineData("{0}/client.json?")]
    [InlineData("https://client.example.test/client.json")]
    public async Task A_document_of_somebody_else_is_not_taken(string clientId) =>
        await RefusedAsync(context => DocumentStub.JsonAsync(context, DocumentStub.Document(clientId.Replace("{0}", $"http://{context.Request.Host}", StringComparison.Ordinal))));

    [Theory]
    [Trait("Attack", "own: a document that can be read in two ways")]
    [InlineData("""{"client_id":"ID","client_id":"https://evil.test/","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"]}""")]
    [InlineData("""{"client_id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"],"redirect_uris":["https://evil.test/"]}""")]
    [InlineData("""{"Client_Id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"]}""")]
    [InlineData("""{"client_id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"]} {}""")]
    [InlineData("""{"client_id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"],}""")]
    [InlineData("""{"client_id":"ID","client_name":"\ud800","redirect_uris":["http://127.0.0.1:7777/callback"]}""")]
    [InlineData("""/* */{"client_id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"]}""")]
    [InlineData("""[{"client_id":"ID","client_name":"x","redirect_uris":["http://127.0.0.1:7777/callback"]}]""")]
    [InlineData("")]
    [InlineData("null")]
    public async Task A_document_that_is_not_strict_json_is_not_taken(string text) =>
        await RefusedAsync(context => DocumentStub.TextAsync(context, text.Replace("ID", $"http://{context.Request.Host}/client.json", StringComparison.Ordinal)));

    [Theory]
    [Trait("Attack", "own: a document from where people upload files")]
    [InlineData("text/html")]
    [InlineData("text/plain")]
    [InlineData("application/octet-stream")]
    [InlineData("application/jsonp")]
    [InlineData("image/png")]
    public async Task A_document_that_is_not_served_as_json_is_not_taken(string type) =>
        await RefusedAsync(context => DocumentStub.TextAsync(context, DocumentStub.Document($"http://{context.Request.Host}/client.json").ToJsonString(), type));

    [Theory]
    [Trait("Attack", "own: a document in an error")]
    [InlineData(201)]
    [InlineData(203)]
    [InlineData(206)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task A_good_document_with_another_status_is_not_taken(int status) => await RefusedAsync(context =>
    {
        context.Response.StatusCode = status;
        return DocumentStub.JsonAsync(context, DocumentStub.Document($"http://{context.Request.Host}/client.json"));
    });

    [Fact]
    [Trait("Attack", "own: a compressed bomb for a document")]
    public async Task A_compressed_document_is_not_unpacked() => await RefusedAsync(async context =>
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.ContentEncoding = "gzip";
        await using var packed = new GZipStream(context.Response.Body, CompressionLevel.Optimal, leaveOpen: true);
        await packed.WriteAsync(new byte[10_000_000]);
    });

    [Fact]
    [Trait("Attack", "own: endless headers of a document")]
    public async Task Headers_without_end_are_given_up() => await RefusedAsync(context =>
    {
        foreach (var i in Enumerable.Range(0, 40))
        {
            context.Response.Headers[$"X-{i}"] = new string('x', 1000);
        }

        return DocumentStub.JsonAsync(context, DocumentStub.Document($"http://{context.Request.Host}/client.json"));
    });

    [Fact]
    [Trait("Attack", "own: a document fetched by the endpoints behind")]
    public async Task No_other_endpoint_reads_documents()
    {
        await using var stub = await DocumentStub.StartAsync();
        await using var server = await DevServer.StartAsync(settings: ("Dev:AllowLoopbackClientDocuments", "true"));

        foreach (var path in (string[])["/token", "/revoke", "/introspect"])
        {
            var (status, body) = await server.PostAsync(path, ("client_id", stub.ClientId), ("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", Browser.Verifier), ("token", "x"), ("resource", DevServer.Resource));
            Assert.Contains(status, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized]);
            Assert.Equal("invalid_client", body.GetProperty("error").GetString());
        }

        Assert.Empty(stub.Hits);
    }

    [Fact]
    [Trait("Attack", "own: logos and keys of a document are addresses too")]
    public async Task Nothing_that_a_document_names_is_fetched()
    {
        await using var stub = await DocumentStub.StartAsync();
        stub.Answer = context => DocumentStub.JsonAsync(context, DocumentStub.Document(
            stub.ClientId, ("logo_uri", $"{stub.Url}/logo.png"), ("jwks_uri", $"{stub.Url}/jwks"), ("client_uri", $"{stub.Url}/home"), ("policy_uri", $"{stub.Url}/policy"), ("sector_identifier_uri", $"{stub.Url}/sector")));
        await using var server = await DevServer.StartAsync(settings: ("Dev:AllowLoopbackClientDocuments", "true"));
        using var browser = new Browser(server);

        var page = await browser.SignInAsync(Browser.Request(stub.ClientId));

        Assert.DoesNotContain("logo.png", page, StringComparison.Ordinal);
        Assert.Equal(["/client.json"], stub.Hits);
    }

    /// <summary>The refusal is the same for all; nothing else of the stub was asked for, and no second time.</summary>
    private static async Task RefusedAsync(RequestDelegate document, CancellationToken cancellationToken = default)
    {
        await using var stub = await DocumentStub.StartAsync();
        stub.Answer = context => document(context);
        await using var server = await DevServer.StartAsync(settings: ("Dev:AllowLoopbackClientDocuments", "true"));
        using var answer = await server.Http.GetAsync(Browser.Request(stub.ClientId), cancellationToken);

        await ClientDocumentTests.AssertRefusedAsync(answer);
        Assert.Equal(["/client.json"], stub.Hits);
    }

    private static string Padded(HttpContext context, int length) => DocumentStub.Document($"http://{context.Request.Host}/client.json").ToJsonString().PadRight(length);
}
