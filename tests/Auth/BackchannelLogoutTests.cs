using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Logout tokens of the issuer, good ones and forty that are not.</summary>
public sealed class BackchannelLogoutTests : IAsyncLifetime
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    private Server _server = null!;

    public async ValueTask InitializeAsync() => _server = await Server.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    public static TheoryData<string> Faults => [.. Bad.Keys];

    private static Dictionary<string, Func<Tokens, string>> Bad { get; } = new()
    {
        ["nothing"] = _ => "",
        ["no token"] = _ => "logout",
        ["two parts"] = tokens => tokens.ForgeLogout()[..tokens.ForgeLogout().LastIndexOf('.')],
        ["a signature with another end"] = tokens => tokens.ForgeLogout() is var token && token[^2] == 'A' ? $"{token[..^2]}BB" : $"{token[..^2]}AA",
        ["a changed payload"] = tokens => string.Join('.', [.. tokens.ForgeLogout().Split('.')[..1], .. tokens.ForgeLogout(claims => claims["sid"] = "s2").Split('.')[1..2], .. tokens.ForgeLogout().Split('.')[2..]]),
        ["type JWT"] = tokens => tokens.ForgeLogout(header: header => header["typ"] = "JWT"),
        ["no type"] = tokens => tokens.ForgeLogout(header: header => header.Remove("typ")),
        ["type at+jwt"] = tokens => tokens.ForgeLogout(header: header => header["typ"] = "at+jwt"),
        ["no algorithm"] = tokens => tokens.ForgeLogout(header: header => header["alg"] = "none"),
        ["no algorithm and no signature"] = tokens => string.Join('.', tokens.ForgeLogout(header: header => header["alg"] = "none").Split('.')[..2]) + ".",
        ["HS256"] = tokens => tokens.ForgeLogout(header: header => header["alg"] = "HS256"),
        ["another key"] = tokens => tokens.ForgeLogout(key: System.Security.Cryptography.RSA.Create(2048)),
        ["an unknown key id"] = tokens => tokens.ForgeLogout(header: header => header["kid"] = "other"),
        ["no key id"] = tokens => tokens.ForgeLogout(header: header => header.Remove("kid")),
        ["a header extension"] = tokens => tokens.ForgeLogout(header: header => header["crit"] = new JsonArray("exp")),
        ["another issuer"] = tokens => tokens.ForgeLogout(claims => claims["iss"] = "https://idp.example.com/"),
        ["the issuer without its slash"] = tokens => tokens.ForgeLogout(claims => claims["iss"] = claims["iss"]!.GetValue<string>().TrimEnd('/')),
        ["no issuer"] = tokens => tokens.ForgeLogout(claims => claims.Remove("iss")),
        ["the resource as audience"] = tokens => tokens.ForgeLogout(claims => claims["aud"] = "http://localhost:5080/mcp"),
        ["another client as audience"] = tokens => tokens.ForgeLogout(claims => claims["aud"] = "mcp-files-server2"),
        ["the audience in other case"] = tokens => tokens.ForgeLogout(claims => claims["aud"] = "mcp-files-server".ToUpperInvariant()),
        ["no audience"] = tokens => tokens.ForgeLogout(claims => claims.Remove("aud")),
        ["an audience among others"] = tokens => tokens.ForgeLogout(claims => claims["aud"] = new JsonArray("mcp-files-server", "another")),
        ["an audience twice"] = tokens => tokens.ForgeLogout(claims => claims["aud"] = new JsonArray("mcp-files-server", "mcp-files-server")),
        ["expired"] = tokens => tokens.ForgeLogout(claims => Move(claims, -300)),
        ["no expiry"] = tokens => tokens.ForgeLogout(claims => claims.Remove("exp")),
        ["expiry as text"] = tokens => tokens.ForgeLogout(claims => claims["exp"] = $"{claims["exp"]}"),
        ["an hour to live"] = tokens => tokens.ForgeLogout(claims => claims["exp"] = claims["iat"]!.GetValue<long>() + 3600),
        ["issued an hour ago"] = tokens => tokens.ForgeLogout(claims => claims["iat"] = claims["iat"]!.GetValue<long>() - 3600),
        ["issued in the future"] = tokens => tokens.ForgeLogout(claims => Move(claims, 300)),
        ["no time of issue"] = tokens => tokens.ForgeLogout(claims => claims.Remove("iat")),
        ["not valid yet"] = tokens => tokens.ForgeLogout(claims => claims["nbf"] = claims["iat"]!.GetValue<long>() + 90),
        ["no id"] = tokens => tokens.ForgeLogout(claims => claims.Remove("jti")),
        ["an id that is a number"] = tokens => tokens.ForgeLogout(claims => claims["jti"] = 7),
        ["no events"] = tokens => tokens.ForgeLogout(claims => claims.Remove("events")),
        ["events as text"] = tokens => tokens.ForgeLogout(claims => claims["events"] = Event),
        ["events as a list"] = tokens => tokens.ForgeLogout(claims => claims["events"] = new JsonArray(Event)),
        ["no event"] = tokens => tokens.ForgeLogout(claims => claims["events"] = new JsonObject()),
        ["another event"] = tokens => tokens.ForgeLogout(claims => claims["events"] = new JsonObject { ["http://schemas.openid.net/event/frontchannel-logout"] = new JsonObject() }),
        ["the event by https"] = tokens => tokens.ForgeLogout(claims => claims["events"] = new JsonObject { [Event.Replace("http:", "https:", StringComparison.Ordinal)] = new JsonObject() }),
        ["another event beside it"] = tokens => tokens.ForgeLogout(claims => claims["events"]!["urn:other"] = new JsonObject()),
        ["an event that is null"] = tokens => tokens.ForgeLogout(claims => claims["events"]![Event] = null),
        ["an event that is a list"] = tokens => tokens.ForgeLogout(claims => claims["events"]![Event] = new JsonArray()),
        ["a nonce"] = tokens => tokens.ForgeLogout(claims => claims["nonce"] = "n"),
        ["a nonce that is null"] = tokens => tokens.ForgeLogout(claims => claims["nonce"] = null),
        ["nobody"] = tokens => tokens.ForgeLogout(claims => _ = claims.Remove("sub") & claims.Remove("sid")),
        ["a session that is a number"] = tokens => tokens.ForgeLogout(claims => claims["sid"] = 1),
        ["a session that is empty"] = tokens => tokens.ForgeLogout(claims => claims["sid"] = ""),
        ["a session that is too long"] = tokens => tokens.ForgeLogout(claims => claims["sid"] = new string('s', 600)),
        ["a person that is a list"] = tokens => tokens.ForgeLogout(claims => claims["sub"] = new JsonArray(Tokens.Alice)),
        ["a person that is null"] = tokens => tokens.ForgeLogout(claims => claims["sub"] = null),
        ["a member twice"] = Doubled,
        ["an access token"] = tokens => tokens.Forge(claims => claims["sid"] = "s1"),
        ["an access token for the client, with an event"] = tokens => tokens.ForgeLogout(claims => claims["scope"] = "files:read", header => header["typ"] = "at+jwt"),
        ["an ID token"] = tokens => tokens.ForgeLogout(
            claims =>
            {
                claims.Remove("events");
                claims["nonce"] = "n";
            },
            header => header["typ"] = "JWT"),
        ["as large as none"] = tokens => tokens.ForgeLogout(claims => claims["x"] = new string('x', 20_000)),
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_token_that_is_no_logout_token_is_refused_and_ends_nothing(string fault)
    {
        var answer = await PostAsync(Bad[fault](_server.Tokens));

        Assert.Equal((HttpStatusCode.BadRequest, """{"error":"invalid_request"}""", "no-store"), (answer.Status, answer.Text, answer.Headers["Cache-Control"]));
        var row = _server.AuditRows()[^1];
        Assert.Equal(("revocation", "deny"), (row.GetProperty("kind").GetString(), row.GetProperty("decision").GetString()));
        Assert.StartsWith("logout_", row.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s1")));
    }

    [Fact]
    public async Task A_session_that_ends_takes_its_tokens_and_those_of_the_person_that_name_no_session()
    {
        string[] dead = [Token("s1"), Token(null)];
        string[] alive = [Token("s2"), Token("s2", claims => claims["client_id"] = "c2"), Token(null, claims => claims["sub"] = Tokens.Bob)];

        var answer = await PostAsync(_server.Tokens.ForgeLogout());

        Assert.Equal((HttpStatusCode.OK, "", "no-store"), (answer.Status, answer.Text, answer.Headers["Cache-Control"]));
        Assert.Equal(("revocation", "allow", "logged_out", Tokens.Alice), Row(_server.AuditRows()[^1]));
        Assert.All(await Task.WhenAll(dead.Select(StatusAsync)), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        Assert.All(await Task.WhenAll(alive.Select(StatusAsync)), status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task A_session_alone_and_a_person_alone_can_be_ended_too_until_they_sign_in_again()
    {
        var (one, two, none) = (Token("s1"), Token("s2"), Token(null));
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(_server.Tokens.ForgeLogout(claims => claims.Remove("sub")))).Status);
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (await StatusAsync(one), await StatusAsync(two)));

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(_server.Tokens.ForgeLogout(claims => claims.Remove("sid")))).Status);
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (await StatusAsync(two), await StatusAsync(none)));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s3", claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 2)));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token(null, claims => claims["sub"] = Tokens.Bob)));
    }

    [Fact]
    public async Task A_logout_token_counts_once_also_after_a_restart()
    {
        var token = _server.Tokens.ForgeLogout();
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(token)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(token)).Status);
        Assert.Equal("logout_replayed", _server.AuditRows()[^1].GetProperty("reason").GetString());

        _server = await _server.RestartAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(token)).Status);
        Assert.Equal("logout_replayed", _server.AuditRows()[^1].GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Of_many_copies_at_once_one_counts()
    {
        var token = _server.Tokens.ForgeLogout();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => PostAsync(token)));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(19, answers.Count(answer => answer.Status == HttpStatusCode.BadRequest));
    }

    [Theory]
    [InlineData("application/json", """{"logout_token":"{0}"}""")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"logout_token\"\r\n\r\n{0}\r\n--x--\r\n")]
    [InlineData("text/plain", "logout_token={0}")]
    [InlineData("", "logout_token={0}")]
    [InlineData("application/x-www-form-urlencoded; charset=utf-16", "logout_token={0}")]
    [InlineData("application/x-www-form-urlencoded", "logout_token={0}&logout_token={0}")]
    [InlineData("application/x-www-form-urlencoded", "Token={0}")]
    [InlineData("application/x-www-form-urlencoded", "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1&l=1&m=1&n=1&o=1&p=1&q=1&logout_token={0}")]
    [InlineData("application/x-www-form-urlencoded", "")]
    public async Task A_logout_token_comes_in_a_form_and_in_no_other_way(string type, string body)
    {
        var answer = await SendAsync(body.Replace("{0}", _server.Tokens.ForgeLogout(), StringComparison.Ordinal), type, $"?logout_token={_server.Tokens.ForgeLogout()}");

        Assert.Equal((HttpStatusCode.BadRequest, """{"error":"invalid_request"}"""), (answer.Status, answer.Text));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s1")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_form_that_is_too_large_is_refused_whether_it_says_so_or_not(bool saysSo)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Url, "/backchannel-logout"))
        {
            Content = new StringContent($"logout_token={_server.Tokens.ForgeLogout()}&x={new string('x', 100_000)}", Encoding.ASCII, "application/x-www-form-urlencoded"),
        };
        request.Headers.TransferEncodingChunked = !saysSo;
        using var response = await _server.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s1")));
    }

    [Fact]
    public async Task Unknown_fields_beside_it_are_ignored_and_other_methods_are_not_served()
    {
        Assert.Equal(HttpStatusCode.OK, (await SendAsync($"state=x&logout_token={_server.Tokens.ForgeLogout()}")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _server.Http.GetAsync(new Uri("/backchannel-logout", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task When_the_revocations_cannot_be_written_the_issuer_hears_that_it_did_not_happen()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_server.Storage, "server.db")};Pooling=False");
        connection.Open();
        // Begins as a writer.
        using (connection.BeginTransaction())
        {
            var answer = await PostAsync(_server.Tokens.ForgeLogout());

            Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"error":"temporarily_unavailable"}""", "5"), (answer.Status, answer.Text, answer.Headers["Retry-After"]));
            Assert.Equal(("revocation", "error", "revocations_unavailable", null), Row(_server.AuditRows()[^1]));
            // Whoever only reads does not wait for who writes.
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s1")));
        }
    }

    [Fact]
    public async Task When_the_issuers_keys_cannot_be_had_it_is_told_to_come_again()
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Instead = context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        var token = issuer.Token("mcp-files-server", claims => claims["events"] = new JsonObject { [Event] = new JsonObject() }, header => header["typ"] = "logout+jwt");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await SendAsync($"logout_token={token}", to: server)).Status);
        Assert.Equal("issuer_unavailable", server.AuditRows()[^1].GetProperty("reason").GetString());
    }

    [Fact]
    public async Task An_issuer_logs_out_its_own_people_only()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        var (alice, own) = (server.Tokens.Forge(claims => claims["sid"] = "s1"), issuer.Token(server.Resource, claims => claims["sid"] = "s1"));
        var token = issuer.Token(
            "mcp-files-server",
            claims => (claims["events"], claims["sub"], claims["sid"]) = (new JsonObject { [Event] = new JsonObject() }, Tokens.Alice, "s1"),
            header => header["typ"] = "logout+jwt");

        Assert.Equal(HttpStatusCode.OK, (await SendAsync($"logout_token={token}", to: server)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(alice, Message.List())).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(own, Message.List())).Status);
    }

    [Fact]
    public async Task A_flood_is_told_to_wait_and_a_good_logout_is_not()
    {
        await using var server = await Server.StartAsync(settings: ("Limits:FailedAuthenticationsPerMinute", "20"));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync("logout_token=x", to: server)).Status);
        }

        var answer = await SendAsync("logout_token=x", to: server);
        Assert.Equal((HttpStatusCode.TooManyRequests, """{"error":"temporarily_unavailable"}"""), (answer.Status, answer.Text));
        Assert.InRange(int.Parse(answer.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 60);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(server.Tokens.Forge(), Message.List())).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync($"logout_token={server.Tokens.ForgeLogout()}", to: server)).Status);
    }

    [Fact]
    public async Task A_server_that_is_no_client_of_its_issuer_has_no_such_endpoint()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:0:Authority", issuer.Authority));

        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync("logout_token=x", to: server)).Status);
    }

    [Fact]
    public async Task The_door_stands_before_it()
    {
        foreach (var (name, value, status) in ((string, string, HttpStatusCode)[])[("Host", "evil.example", HttpStatusCode.BadRequest), ("Origin", "https://evil.example", HttpStatusCode.Forbidden)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Url, "/backchannel-logout"))
            {
                Content = new FormUrlEncodedContent([new("logout_token", _server.Tokens.ForgeLogout())]),
            };
            request.Headers.TryAddWithoutValidation(name, value);
            using var response = await _server.Http.SendAsync(request);
            Assert.Equal(status, response.StatusCode);
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token("s1")));
    }

    private static void Move(JsonObject claims, long seconds)
    {
        claims["iat"] = claims["iat"]!.GetValue<long>() + seconds;
        claims["exp"] = claims["exp"]!.GetValue<long>() + seconds;
    }

    private static string Doubled(Tokens tokens)
    {
        var parts = tokens.ForgeLogout().Split('.');
        using var key = tokens.Key();
        return Tokens.Sign(Base64UrlEncoder.Decode(parts[0]), Base64UrlEncoder.Decode(parts[1]).Replace("{\"iss\"", "{\"sid\":\"s9\",\"iss\"", StringComparison.Ordinal), key);
    }

    private static (string?, string?, string?, string?) Row(System.Text.Json.JsonElement row) =>
        (row.GetProperty("kind").GetString(), row.GetProperty("decision").GetString(), row.GetProperty("reason").GetString(), row.GetProperty("subject").GetString());

    private string Token(string? session, Action<JsonObject>? change = null) => _server.Tokens.Forge(claims =>
    {
        if (session is not null)
        {
            claims["sid"] = session;
        }

        change?.Invoke(claims);
    });

    private async Task<HttpStatusCode> StatusAsync(string token) => (await _server.SendAsync(token, Message.List())).Status;

    private Task<Answer> PostAsync(string token) => SendAsync($"logout_token={token}");

    private async Task<Answer> SendAsync(string body, string type = "application/x-www-form-urlencoded", string query = "", Server? to = null)
    {
        using var content = new StringContent(body, Encoding.ASCII);
        content.Headers.Remove("Content-Type");
        if (type.Length > 0)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var response = await (to ?? _server).Http.PostAsync(new Uri((to ?? _server).Url, $"/backchannel-logout{query}"), content);
        return await Answer.ReadAsync(response);
    }
}
