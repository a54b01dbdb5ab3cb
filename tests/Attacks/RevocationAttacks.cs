using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>What somebody tries who holds a token that was revoked, or who would like to sign others out.</summary>
public sealed class RevocationAttacks : IAsyncLifetime
{
    private readonly Counter _outbound = new();
    private Target _target = null!;

    public async ValueTask InitializeAsync() =>
        // One of its own: other tests go on needing alice.
        _target = await Target.StartAsync(services => services.AddHttpClient(IssuerClient.Name).AddHttpMessageHandler(() => new Counting(_outbound)));

    public ValueTask DisposeAsync() => _target.DisposeAsync();

    [Fact]
    [Trait("Attack", "H08")]
    public async Task Alice_signs_out_and_her_tokens_of_before_are_dead_and_bobs_are_not()
    {
        var (alice, bob) = (Token(), Token(claims => claims["sub"] = Tokens.Bob));
        Assert.True((await SendAsync(alice)).IsResult);

        Assert.Equal(HttpStatusCode.OK, await LogoutAsync(_target.Tokens.ForgeLogout(claims => claims.Remove("sid"))));

        await _target.RefusesAsync(Expected.BadToken, Message.List(), alice);
        Assert.True((await SendAsync(bob)).IsResult);
        Assert.True((await SendAsync(Token(claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 2))).IsResult);
    }

    [Theory]
    [Trait("Attack", "own: a revoked token that asks around")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"nothing"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write","arguments":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"no_such_tool","arguments":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"tools/call","params":{"name":"probe_read","arguments":{}}}""")]
    [InlineData("not json")]
    [InlineData("")]
    public async Task A_revoked_token_learns_no_more_than_a_forged_one(string body)
    {
        var token = Token();
        await LogoutAsync(_target.Tokens.ForgeLogout(claims => claims.Remove("sid")));

        await _target.RefusesAsync(Expected.BadToken, Message.List(legacy: true).With(body), token);
    }

    [Fact]
    [Trait("Attack", "own: LR-07, an exchange with a revoked token")]
    public async Task Nothing_is_exchanged_for_a_revoked_token()
    {
        var token = await _target.Tokens.OfAsync("alice", "people:read");
        Assert.True((await SendAsync(token, Message.Call("find_people", new { query = "al" }))).IsResult);
        var before = _outbound.Requests;
        Assert.True(before > 0);
        await LogoutAsync(_target.Tokens.ForgeLogout(claims => claims.Remove("sid")));

        for (var i = 0; i < 10; i++)
        {
            await _target.RefusesAsync(Expected.BadToken, Message.Call("find_people", new { query = "al" }), token);
        }

        Assert.Equal(before, _outbound.Requests);
    }

    [Theory]
    [Trait("Attack", "own: names that look alike")]
    [InlineData("ALICE-1")]
    [InlineData("alice-1 ")]
    [InlineData(" alice-1")]
    [InlineData("alice-10")]
    [InlineData("alice-")]
    [InlineData("alice-1\0")]
    [InlineData("аlice-1")]
    [InlineData("alice-%")]
    [InlineData("alice__")]
    [InlineData("' or 1=1 --")]
    [InlineData("alice-1','x') --")]
    public async Task Whoever_has_a_name_like_another_signs_out_himself_alone(string name)
    {
        var (alice, other) = (Token(claims => claims["sub"] = "alice-1"), Token(claims => claims["sub"] = name));

        Assert.Equal(HttpStatusCode.OK, await LogoutAsync(_target.Tokens.ForgeLogout(claims =>
        {
            claims.Remove("sid");
            claims["sub"] = name;
        })));

        Assert.True((await SendAsync(alice)).IsResult);
        await _target.RefusesAsync(Expected.BadToken, Message.List(), other);
    }

    [Fact]
    [Trait("Attack", "own: names of one kind as names of another")]
    public async Task A_session_a_client_and_a_person_of_one_name_are_three_things()
    {
        var token = Token(claims => claims["sid"] = "x");
        string[] others =
        [
            Token(claims => claims["sub"] = "x"), Token(claims => claims["client_id"] = "x"), Token(claims => claims["jti"] = "x"),
            Token(claims => (claims["sub"], claims["client_id"]) = ("x", "y")),
        ];
        await LogoutAsync(_target.Tokens.ForgeLogout(claims =>
        {
            claims.Remove("sub");
            claims["sid"] = "x";
        }));
        await RevokeAsync(RevocationKind.Grant, "y", "x");

        Assert.All(await Task.WhenAll(others.Select(other => SendAsync(other))), reply => Assert.True(reply.IsResult));
        await _target.RefusesAsync(Expected.BadToken, Message.List(), token);
    }

    [Fact]
    [Trait("Attack", "own: a logout token as an access token, and the other way round")]
    public async Task Each_token_is_good_for_what_it_was_made_for_only()
    {
        foreach (var audience in (string[])["mcp-files-server", _target.Server.Resource])
        {
            await _target.RefusesAsync(Expected.BadToken, Message.List(), _target.Tokens.ForgeLogout(claims => claims["aud"] = audience));
        }

        Assert.Equal(HttpStatusCode.BadRequest, await LogoutAsync(Token()));
        Assert.Equal(HttpStatusCode.BadRequest, await LogoutAsync(Token(claims => claims["aud"] = "mcp-files-server")));
        Assert.True((await SendAsync(Token())).IsResult);
    }

    [Fact]
    [Trait("Attack", "own: RL-02, locking others out with a revoked token")]
    public async Task A_flood_with_a_revoked_token_locks_nobody_out()
    {
        await using var strict = await Server.StartAsync(settings: ("Limits:FailedAuthenticationsPerMinute", "10"));
        var revoked = strict.Tokens.Forge();
        await strict.Services.GetRequiredService<IRevocations>().AddAsync(
            [new Revocation(strict.Provider.AbsoluteUri, RevocationKind.Client, "c1", "", DateTimeOffset.UtcNow)], null, CancellationToken.None);

        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 20; i++)
        {
            answers.Add((await strict.SendAsync(revoked, Message.List())).Status);
        }

        Assert.Equal((10, 10), (answers.Count(status => status == HttpStatusCode.Unauthorized), answers.Count(status => status == HttpStatusCode.TooManyRequests)));
        Assert.Equal(HttpStatusCode.OK, (await strict.SendAsync(strict.Tokens.Forge(claims => claims["client_id"] = "c2"), Message.List())).Status);
    }

    [Fact]
    [Trait("Attack", "own: a store that is broken under the running server")]
    public async Task When_the_table_is_gone_nobody_gets_in_and_when_it_is_back_everybody_does()
    {
        Execute("alter table revocation rename to gone");
        await _target.RefusesAsync(Expected.Unavailable with { Decision = "error", Reason = "revocations_unavailable" }, Target.Call("probe_read"), Token());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await LogoutAsync(_target.Tokens.ForgeLogout()));

        Execute("alter table gone rename to revocation");
        Assert.True((await SendAsync(Token())).IsResult);
    }

    [Fact]
    [Trait("Attack", "own: many requests while the token is revoked")]
    public async Task Among_many_requests_at_once_none_gets_in_that_began_after_the_revocation()
    {
        var token = Token();
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await SendAsync(token);
                }
                catch (HttpRequestException)
                {
                    // What runs when the token is revoked is broken off.
                }
            }
        })).ToList();
        await Task.Delay(300);

        await LogoutAsync(_target.Tokens.ForgeLogout(claims => claims.Remove("sid")));
        var after = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => SendAsync(token)));
        await stop.CancelAsync();
        await Task.WhenAll(load);

        Assert.All(after, reply => Assert.Equal(HttpStatusCode.Unauthorized, reply.Status));
    }

    private string Token(Action<JsonObject>? change = null) => _target.Tokens.Forge(change);

    private Task<Reply> SendAsync(string token, Message? message = null) => _target.SendAsync(message ?? Message.List(), $"Bearer {token}");

    private async Task<HttpStatusCode> LogoutAsync(string token)
    {
        using var form = new FormUrlEncodedContent([new("logout_token", token)]);
        using var response = await _target.Server.Http.PostAsync(new Uri(_target.Server.Url, "/backchannel-logout"), form);
        return response.StatusCode;
    }

    private Task<bool> RevokeAsync(RevocationKind kind, string name, string client = "") => _target.Server.Services.GetRequiredService<IRevocations>().AddAsync(
        [new Revocation(_target.Server.Provider.AbsoluteUri, kind, name, client, DateTimeOffset.UtcNow)], null, CancellationToken.None);

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_target.Server.Storage, "server.db")}");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The tests' own words.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    private sealed class Counter
    {
        private int _requests;

        public int Requests => _requests;

        public void Count() => Interlocked.Increment(ref _requests);
    }

    private sealed class Counting(Counter counter) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            counter.Count();
            return base.SendAsync(request, cancellationToken);
        }
    }
}
