using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>Clients whose id is the address of a document about themselves.</summary>
public sealed class ClientDocumentTests : IAsyncLifetime
{
    private DevServer _server = null!;
    private DocumentStub _stub = null!;
    private Browser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await DevServer.StartAsync(settings: ("Dev:AllowLoopbackClientDocuments", "true"));
        _stub = await DocumentStub.StartAsync();
        _browser = new Browser(_server);
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _stub.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task The_consent_page_names_the_client_and_the_host_that_vouches_for_it()
    {
        var page = await _browser.SignInAsync(Browser.Request(_stub.ClientId));

        Assert.Contains("A published client", page, StringComparison.Ordinal);
        Assert.Contains($"<strong>{new Uri(_stub.Url).Authority}</strong>", page, StringComparison.Ordinal);
        Assert.Contains(_stub.ClientId, page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task One_sign_in_reads_the_document_once_and_the_token_endpoint_never_does()
    {
        var code = await _browser.CodeAsync(_stub.ClientId);
        Assert.Equal(HttpStatusCode.OK, (await _browser.RedeemAsync(_stub.ClientId, code)).Status);
        await _browser.RedeemAsync($"{_stub.Url}/other.json", code);

        Assert.Equal(["/client.json"], _stub.Hits);
    }

    [Theory]
    [InlineData(null, 1, 1)]
    [InlineData(null, 61, 2)]
    [InlineData("no-store", 1, 1)]
    [InlineData("no-store", 61, 2)]
    [InlineData("max-age=600", 500, 1)]
    [InlineData("max-age=600", 601, 2)]
    [InlineData("max-age=86400", 3400, 1)]
    [InlineData("max-age=86400", 3601, 2)]
    public async Task A_document_is_kept_as_its_headers_say_but_a_minute_at_least_and_an_hour_at_most(string? cacheControl, int later, int hits)
    {
        _stub.Answer = context =>
        {
            context.Response.Headers.CacheControl = cacheControl;
            return DocumentStub.JsonAsync(context, DocumentStub.Document(_stub.ClientId));
        };

        await AskAsync(_stub.ClientId);
        _server.Clock.Advance(TimeSpan.FromSeconds(later));
        await AskAsync(_stub.ClientId);

        Assert.Equal(hits, _stub.Hits.Count);
    }

    [Fact]
    public async Task A_document_that_changes_changes_what_the_client_may_do()
    {
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(_stub.ClientId)).StatusCode);

        _stub.Answer = context => DocumentStub.JsonAsync(context, DocumentStub.Document(_stub.ClientId, ("redirect_uris", new JsonArray("https://elsewhere.test/"))));
        _server.Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync(_stub.ClientId)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(_stub.ClientId, ("redirect_uri", "https://elsewhere.test/"))).StatusCode);
    }

    [Fact]
    public async Task A_document_that_is_gone_ends_the_client_and_one_that_comes_back_begins_it()
    {
        var good = _stub.Answer;
        await AskAsync(_stub.ClientId);
        _server.Clock.Advance(TimeSpan.FromMinutes(2));
        _stub.Answer = context =>
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        };

        await AssertRefusedAsync(await AskAsync(_stub.ClientId));

        _stub.Answer = good;
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(_stub.ClientId)).StatusCode); // a failure is not kept
    }

    [Theory]
    [InlineData("client_id", "\"http://localhost/other.json\"")]
    [InlineData("client_id", null)]
    [InlineData("client_id", "5")]
    [InlineData("client_name", null)]
    [InlineData("client_name", "\" \"")]
    [InlineData("redirect_uris", null)]
    [InlineData("redirect_uris", "[]")]
    [InlineData("redirect_uris", "\"http://127.0.0.1:7777/callback\"")]
    [InlineData("redirect_uris", "[\"http://127.0.0.1:7777/callback\", 5]")]
    [InlineData("redirect_uris", "[\"http://127.0.0.1:7777/callback\", \"javascript:alert(1)\"]")]
    [InlineData("token_endpoint_auth_method", "\"client_secret_basic\"")]
    [InlineData("token_endpoint_auth_method", "\"client_secret_post\"")]
    [InlineData("token_endpoint_auth_method", "\"client_secret_jwt\"")]
    [InlineData("token_endpoint_auth_method", "\"private_key_jwt\"")]
    [InlineData("token_endpoint_auth_method", "[\"none\"]")]
    [InlineData("client_secret", "\"hidden\"")]
    [InlineData("client_secret_expires_at", "0")]
    [InlineData("grant_types", "[\"client_credentials\"]")]
    [InlineData("response_types", "[\"token\"]")]
    public async Task A_document_that_is_not_what_it_must_be_is_refused(string member, string? json)
    {
        _stub.Answer = context => DocumentStub.JsonAsync(context, DocumentStub.Document(_stub.ClientId, (member, json is null ? null : JsonNode.Parse(json))));

        await AssertRefusedAsync(await AskAsync(_stub.ClientId));
        Assert.Equal(0L, Rows());
    }

    [Fact]
    public async Task Documents_are_read_thirty_times_a_minute_and_no_more()
    {
        for (var i = 0; i < 30; i++)
        {
            await AskAsync($"{_stub.Url}/{i}.json");
        }

        var answer = await AskAsync($"{_stub.Url}/last.json");

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(30, _stub.Hits.Count);
    }

    [Fact]
    public async Task Clients_that_nobody_allowed_are_forgotten_when_there_are_many_and_the_others_stay()
    {
        var allowed = await _browser.RedeemAsync(_stub.ClientId, await _browser.CodeAsync(_stub.ClientId));
        Sql("""
            with recursive n(i) as (select 1 union all select i + 1 from n where i < 250)
            insert into OpenIddictApplications (Id, ClientId, ClientType) select 'stranger' || i, 'https://stranger' || i || '.test/x', 'public' from n
            """);

        _stub.Answer = context => DocumentStub.JsonAsync(context, DocumentStub.Document($"{_stub.Url}/new.json"));
        await AskAsync($"{_stub.Url}/new.json");

        Assert.Equal(2L, Rows());
        Assert.Equal(HttpStatusCode.OK, (await _browser.RefreshAsync(_stub.ClientId, allowed.Body.GetProperty("refresh_token").GetString()!)).Status);
    }

    [Fact]
    public async Task Many_browsers_with_the_same_new_client_make_one_row()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => AskAsync(_stub.ClientId)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(1L, Rows());
    }

    [Fact]
    public async Task A_request_that_is_incomplete_reads_nothing()
    {
        foreach (var (name, value) in ((string, string?)[])[("code_challenge", null), ("code_challenge_method", "plain"), ("resource", null), ("response_type", "token"), ("redirect_uri", null)])
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync(_stub.ClientId, (name, value))).StatusCode);
        }

        Assert.Empty(_stub.Hits);
    }

    [Fact]
    public async Task Without_the_setting_a_document_on_this_machine_is_not_read()
    {
        await using var server = await DevServer.StartAsync();
        using var answer = await server.Http.GetAsync(Browser.Request(_stub.ClientId), TestContext.Current.CancellationToken);

        await AssertRefusedAsync(answer);
        Assert.Empty(_stub.Hits);
    }

    internal static async Task AssertRefusedAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
        Assert.Contains("The client is not known here, or did not prove that it is itself (invalid_client).", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> AskAsync(string clientId, params (string Name, string? Value)[] changes) => _browser.Http.GetAsync(Browser.Request(clientId, changes));

    private long Rows() => (long)Sql("select count(*) from OpenIddictApplications where ClientId like '%://%'")!;

    private object? Sql(string text)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_server.Directory, "dev", "provider.db")}");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // a literal of this test
        command.CommandText = text;
#pragma warning restore CA2100

        return command.ExecuteScalar();
    }
}
