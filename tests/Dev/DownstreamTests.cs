using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class DownstreamTests(SharedDevServer shared) : IClassFixture<SharedDevServer>
{
    private DevServer Server => shared.Server;

    [Fact]
    public async Task The_token_command_gets_a_token_as_if_the_user_had_consented()
    {
        var (_, body) = await Server.PostAsync("/token", Server.CommandGrant("bob", "files:read projects:read"));
        var token = new JsonWebToken(body.GetProperty("access_token").GetString());

        Assert.Equal(DevServer.Bob, token.Subject);
        Assert.Equal("dev-cli", token.GetClaim("client_id").Value);
        Assert.Equal("files:read projects:read", token.GetClaim("scope").Value);
        Assert.Equal([DevServer.Resource], token.Audiences);
        Assert.Equal(TimeSpan.FromMinutes(5), token.ValidTo - token.IssuedAt);
        Assert.False(body.TryGetProperty("refresh_token", out _));
    }

    [Theory]
    [InlineData("username", "mallory", "invalid_request")]
    [InlineData("scope", "files:everything", "invalid_scope")]
    [InlineData("scope", "openid", "invalid_scope")]
    [InlineData("scope", "", "invalid_scope")]
    [InlineData("resource", "https://elsewhere.test/", "invalid_target")]
    [InlineData("client_secret", "guess", "invalid_client")]
    [InlineData("client_secret", "", "invalid_client")]
    public async Task The_token_command_is_told_plainly_what_is_wrong(string field, string value, string error)
    {
        var form = Server.CommandGrant("alice", "files:read").Select(pair => pair.Item1 == field ? (field, value) : pair).ToArray();
        var (_, body) = await Server.PostAsync("/token", form);

        Assert.Equal(error, body.GetProperty("error").GetString());
        Assert.NotEmpty(body.GetProperty("error_description").GetString()!);
    }

    [Fact]
    public async Task A_users_token_is_exchanged_for_one_that_only_graph_takes()
    {
        var (status, body) = await Server.PostAsync("/token", Server.OnBehalfOf(await Server.CommandTokenAsync(), $"{Server.Issuer}graph/User.ReadBasic.All openid profile offline_access"));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal($"{Server.Issuer}graph/User.ReadBasic.All", body.GetProperty("scope").GetString());
        Assert.Equal(300, body.GetProperty("expires_in").GetInt32());
        Assert.False(body.TryGetProperty("refresh_token", out _));
        Assert.False(body.TryGetProperty("id_token", out _));

        var token = new JsonWebToken(body.GetProperty("access_token").GetString());
        Assert.Equal([$"{Server.Issuer}graph"], token.Audiences);
        Assert.Equal(DevServer.Alice, token.Subject);
        Assert.Equal("User.ReadBasic.All", token.GetClaim("scp").Value);
        Assert.Equal("mcp-files-server", token.GetClaim("azp").Value);
        Assert.Equal("at+jwt", token.Typ);
    }

    [Fact]
    public async Task The_server_may_send_its_secret_in_the_header_too()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/token");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("mcp-files-server:" + Server.Secret("server.secret"))));
        request.Content = new FormUrlEncodedContent(Server.OnBehalfOf(await Server.CommandTokenAsync(), $"{Server.Issuer}graph/Files.Read")
            .Where(field => !field.Item1.StartsWith("client_", StringComparison.Ordinal)).Select(field => KeyValuePair.Create(field.Item1, field.Item2)));
        using var answer = await Server.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task An_exchange_by_anybody_else_is_refused()
    {
        var (status, body) = await Server.PostAsync("/token", Server.OnBehalfOf(await Server.CommandTokenAsync(), $"{Server.Issuer}graph/Files.Read", secret: "guess"));

        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Equal("invalid_client", body.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("openid")]
    [InlineData("Files.Read")]
    [InlineData("GRAPH/Mail.Read")]
    [InlineData("GRAPH/Files.Read GRAPH/Mail.Read")]
    [InlineData("GRAPH/.default")]
    public async Task An_exchange_for_an_unknown_scope_is_refused(string scope)
    {
        var (_, body) = await Server.PostAsync(
            "/token", Server.OnBehalfOf(await Server.CommandTokenAsync(), scope.Replace("GRAPH", $"{Server.Issuer}graph", StringComparison.Ordinal)));

        Assert.Equal("invalid_scope", body.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Only_a_valid_token_for_the_server_is_exchanged()
    {
        var scope = $"{Server.Issuer}graph/Files.Read";
        var good = await Server.CommandTokenAsync();
        var (_, exchanged) = await Server.PostAsync("/token", Server.OnBehalfOf(good, scope));

        Assert.Equal("invalid_grant", await ErrorAsync(""));
        Assert.Equal("invalid_grant", await ErrorAsync("nonsense"));
        Assert.Equal("invalid_grant", await ErrorAsync(good[..^4] + "AAAA"));
        Assert.Equal("invalid_grant", await ErrorAsync(exchanged.GetProperty("access_token").GetString()!));

        async Task<string> ErrorAsync(string assertion) => (await Server.PostAsync("/token", Server.OnBehalfOf(assertion, scope))).Body.GetProperty("error").GetString()!;
    }

    [Fact]
    public async Task Two_hundred_exchanges_at_once_never_mix_users_up()
    {
        var tokens = new[] { await Server.CommandTokenAsync("alice"), await Server.CommandTokenAsync("bob") };
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Server.PostAsync("/token", Server.OnBehalfOf(tokens[i % 2], $"{Server.Issuer}graph/Files.Read"))));

        Assert.All(answers.Index(), answer =>
            Assert.Equal(answer.Index % 2 == 0 ? DevServer.Alice : DevServer.Bob, new JsonWebToken(answer.Item.Body.GetProperty("access_token").GetString()).Subject));
    }

    [Fact]
    public async Task Graph_finds_people_by_name_and_mail()
    {
        var token = await GraphTokenAsync("User.ReadBasic.All");
        var (status, body) = await GraphAsync(token, "users?$search=\"displayName:ali\" OR \"mail:bob\"&$select=id,displayName");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([DevServer.Alice, DevServer.Bob], body.GetProperty("value").EnumerateArray().Select(user => user.GetProperty("id").GetString()));
        Assert.False(body.GetProperty("value")[0].TryGetProperty("mail", out _));
        Assert.Single((await GraphAsync(token, "users?$search=\"displayName:al\"&$top=1")).Body.GetProperty("value").EnumerateArray());
        Assert.Equal("alice@example.test", (await GraphAsync(token, "me")).Body.GetProperty("mail").GetString());
    }

    [Theory]
    [InlineData("users?$search=displayName:al")]
    [InlineData("users?$search=\"nickname:al\"")]
    [InlineData("users?$search=\"displayName:al\" NOT \"mail:x\"")]
    [InlineData("users?$top=0")]
    [InlineData("users?$top=many")]
    [InlineData("users?$select=password")]
    [InlineData("users?$filter=startswith(displayName,'a')")]
    public async Task Graph_refuses_a_bad_query(string query)
    {
        var (status, body) = await GraphAsync(await GraphTokenAsync("User.ReadBasic.All"), query);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("BadRequest", body.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Graph_searches_only_with_the_header_that_the_real_one_wants()
    {
        var (status, _) = await GraphAsync(await GraphTokenAsync("User.ReadBasic.All"), "users?$search=\"displayName:al\"", consistency: null);

        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Fact]
    public async Task Graph_takes_only_its_own_tokens_while_they_live()
    {
        var good = await GraphTokenAsync("User.ReadBasic.All");

        Assert.Equal((HttpStatusCode.Unauthorized, "InvalidAuthenticationToken"), await RefusalAsync(null));
        Assert.Equal((HttpStatusCode.Unauthorized, "InvalidAuthenticationToken"), await RefusalAsync(await Server.CommandTokenAsync()));
        Assert.Equal((HttpStatusCode.Unauthorized, "InvalidAuthenticationToken"), await RefusalAsync(good[..^4] + "AAAA"));
        Assert.Equal((HttpStatusCode.Forbidden, "Authorization_RequestDenied"), await RefusalAsync(await GraphTokenAsync("Files.Read")));

        async Task<(HttpStatusCode, string)> RefusalAsync(string? token)
        {
            var (status, body) = await GraphAsync(token, "users");

            return (status, body.GetProperty("error").GetProperty("code").GetString()!);
        }
    }

    [Fact]
    public async Task After_five_minutes_a_token_is_neither_exchanged_nor_taken_by_graph()
    {
        await using var server = await DevServer.StartAsync();
        var scope = $"{server.Issuer}graph/User.ReadBasic.All";
        var token = await server.CommandTokenAsync();
        var (_, exchanged) = await server.PostAsync("/token", server.OnBehalfOf(token, scope));
        server.Clock.Advance(TimeSpan.FromSeconds(301));

        var (_, refused) = await server.PostAsync("/token", server.OnBehalfOf(token, scope));
        Assert.Equal("invalid_grant", refused.GetProperty("error").GetString());

        using var request = new HttpRequestMessage(HttpMethod.Get, "/graph/v1.0/me");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", exchanged.GetProperty("access_token").GetString());
        using var answer = await server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Guessing_a_secret_is_stopped_and_bothers_nobody_else()
    {
        var statuses = new List<HttpStatusCode>();

        for (var i = 0; i < 301; i++)
        {
            using var content = new FormUrlEncodedContent([new("client_id", "guessed"), new("client_secret", $"guess {i}"), new("token", "x")]);
            using var answer = await Server.Http.PostAsync("/introspect", content, TestContext.Current.CancellationToken);
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, statuses[0]);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.NotEmpty(await Server.CommandTokenAsync());
    }

    private async Task<string> GraphTokenAsync(string scope) =>
        (await Server.PostAsync("/token", Server.OnBehalfOf(await Server.CommandTokenAsync(), $"{Server.Issuer}graph/{scope}"))).Body.GetProperty("access_token").GetString()!;

    private async Task<(HttpStatusCode Status, JsonElement Body)> GraphAsync(string? token, string query, string? consistency = "eventual")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/graph/v1.0/" + query);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);

        if (consistency is not null)
        {
            request.Headers.Add("ConsistencyLevel", consistency);
        }

        using var answer = await Server.Http.SendAsync(request);

        return (answer.StatusCode, await DevServer.JsonAsync(answer));
    }
}
