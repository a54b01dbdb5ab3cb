using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>A token that was good a second ago is dead when it is revoked, and nobody else's is.</summary>
public sealed class RevocationTests
{
    public static TheoryData<string> Kinds => [.. Enum.GetNames<RevocationKind>().Where(kind => kind != nameof(RevocationKind.Logout))];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Every_kind_counts_from_the_next_request_on_any_connection_and_after_a_restart_and_for_nobody_else(string kind)
    {
        await using var first = await Server.StartAsync();
        var token = Token(first, kind == nameof(RevocationKind.Sessionless) ? null : "s1");
        var others = ((string Kind, string Token)[])
        [
            ("", Other(first, Tokens.Bob, "c2")), (nameof(RevocationKind.Client), Other(first, Tokens.Bob, "c1")), (nameof(RevocationKind.Subject), Other(first, Tokens.Alice, "c2")),
        ];
        Assert.Equal(HttpStatusCode.OK, (await first.SendAsync(token, Message.List())).Status);

        await RevokeAsync(first, Named(first, kind));

        // On the connection that was just used.
        var refused = await first.SendAsync(token, Message.List());
        Assert.Equal((HttpStatusCode.Unauthorized, 401), (refused.Status, refused.ErrorCode));
        Assert.Contains("error=\"invalid_token\"", refused.Challenge, StringComparison.Ordinal);
        Assert.Equal("token_revoked", first.AuditRows()[^1].GetProperty("reason").GetString());
        using (var http = new HttpClient())
        {
            using var request = Message.List().ToRequest(new Uri(first.Resource), token);
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.SendAsync(request)).StatusCode);
        }

        await using var second = await first.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await second.SendAsync(token, Message.List())).Status);
        foreach (var (hit, other) in others)
        {
            Assert.Equal(hit == kind ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, (await second.SendAsync(other, Message.List())).Status);
        }
    }

    [Fact]
    public async Task A_token_that_is_issued_later_counts_except_one_that_was_revoked_itself()
    {
        await using var server = await Server.StartAsync();
        var later = Token(server, "s1", claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 5);
        foreach (var kind in (string[])["Subject", "Client", "Grant", "Session"])
        {
            await RevokeAsync(server, Named(server, kind));
        }

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(later, Message.List())).Status);
        await RevokeAsync(server, Named(server, "Token") with { IssuedUntil = DateTimeOffset.UtcNow.AddSeconds(30) });
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(later, Message.List())).Status);
    }

    [Fact]
    public async Task Of_two_revocations_of_the_same_the_later_counts_in_whatever_order_they_come()
    {
        await using var server = await Server.StartAsync();
        var (token, later) = (Token(server, "s1"), Token(server, "s1", claims => claims["iat"] = claims["iat"]!.GetValue<long>() + 10));
        var revocation = Named(server, "Subject");
        await RevokeAsync(server, revocation);
        await RevokeAsync(server, revocation with { IssuedUntil = revocation.IssuedUntil.AddMinutes(-5) });

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(token, Message.List())).Status);
        await RevokeAsync(server, revocation with { IssuedUntil = revocation.IssuedUntil.AddSeconds(20) });
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(later, Message.List())).Status);
    }

    [Fact]
    public async Task The_same_names_at_another_issuer_are_other_people()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        foreach (var kind in Kinds)
        {
            await RevokeAsync(server, Named(server, kind));
        }

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource, claims => (claims["sub"], claims["sid"], claims["jti"]) = (Tokens.Alice, "s1", "the-id")), Message.List())).Status);
    }

    [Fact]
    public async Task What_cannot_matter_any_more_is_removed_and_nothing_else()
    {
        var clock = new MovedClock();
        await using var first = await Server.StartAsync(clock.Replace);
        var revocations = first.Services.GetRequiredService<IRevocations>();
        var old = Enumerable.Range(0, 2500).Select(i => Named(first, "Subject") with { Name = $"p{i}" });
        await revocations.AddAsync([.. old], Named(first, "Logout"), TestContext.Current.CancellationToken);

        // Five minutes and the clocks' half: until then a token may still be around.
        clock.Advance(TimeSpan.FromSeconds(325));
        await first.Services.GetRequiredService<RevocationPurge>().PurgeAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2501, Count(first));
        clock.Advance(TimeSpan.FromSeconds(10));
        await RevokeAsync(first, Named(first, "Subject") with { IssuedUntil = clock.GetUtcNow() });
        await first.Services.GetRequiredService<RevocationPurge>().PurgeAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, Count(first));

        // And by itself.
        clock.Advance(TimeSpan.FromMinutes(10));
        await using var second = await first.RestartAsync(clock.Replace);
        for (var i = 0; i < 100 && Count(second) > 0; i++)
        {
            await Task.Delay(50);
        }

        Assert.Equal(0, Count(second));
    }

    [Fact]
    public async Task A_look_up_is_five_searches_by_the_whole_key_and_never_a_scan()
    {
        await using var server = await Server.StartAsync();
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "server.db")};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"explain query plan {McpFilesServer.Data.Revocations.IsRevoked}";
        foreach (var name in (string[])["Issuer", "TokenId", "Subject", "Client", "SessionKind", "Session", "IssuedAt"])
        {
            command.Parameters.AddWithValue($"@{name}", "x");
        }

        using var reader = command.ExecuteReader();
        var steps = new List<string>();
        while (reader.Read())
        {
            steps.Add(reader.GetString(3));
        }

        Assert.Equal(5, steps.Count(step => step.Contains("SEARCH revocation USING PRIMARY KEY (issuer=? AND kind=? AND name=? AND client=?)", StringComparison.Ordinal)));
        Assert.DoesNotContain(steps, step => step.Contains("SCAN revocation", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_revocations_cannot_be_read_nobody_gets_in(bool hangs)
    {
        var (probe, failing) = (new Probe(), new Failing { Hangs = hangs });
        await using var server = await Server.StartAsync(services => services.AddSingleton(probe.Tool()).AddSingleton<IRevocations>(failing));
        var watch = Stopwatch.StartNew();

        var answer = await server.CallAsync(server.Tokens.Forge(), "probe", new { });

        Assert.Equal((HttpStatusCode.ServiceUnavailable, 503, ""), (answer.Status, answer.ErrorCode, answer.Challenge));
        Assert.Equal("5", answer.Headers["Retry-After"]);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(6));
        Assert.Equal(("error", "revocations_unavailable"), (server.AuditRows()[^1].GetProperty("decision").GetString(), server.AuditRows()[^1].GetProperty("reason").GetString()));
        Assert.Equal(0, probe.Runs);
        // A token that is bad by itself is bad all the same.
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync("x.y.z", Message.List())).Status);
    }

    [Fact]
    public async Task A_token_whose_session_cannot_be_read_is_refused()
    {
        await using var server = await Server.StartAsync();

        foreach (var session in (JsonNode?[])[1, null, "", new JsonArray("s1"), new string('s', 600)])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(server.Tokens.Forge(claims => claims["sid"] = session?.DeepClone()), Message.List())).Status);
            Assert.Equal("token_claim_sid", server.AuditRows()[^1].GetProperty("reason").GetString());
        }
    }

    private static string Token(Server server, string? session, Action<JsonObject>? change = null) => server.Tokens.Forge(claims =>
    {
        claims["jti"] = "the-id";
        if (session is not null)
        {
            claims["sid"] = session;
        }

        change?.Invoke(claims);
    });

    private static string Other(Server server, string subject, string client) =>
        server.Tokens.Forge(claims => (claims["sub"], claims["client_id"], claims["sid"]) = (subject, client, "s2"));

    private static Revocation Named(Server server, string kind) => new(
        server.Provider.AbsoluteUri,
        Enum.Parse<RevocationKind>(kind),
        kind switch { "Token" or "Logout" => Caller.HashOf("the-id"), "Client" => "c1", "Session" => "s1", _ => Tokens.Alice },
        kind == "Grant" ? "c1" : "",
        DateTimeOffset.UtcNow);

    private static async Task RevokeAsync(Server server, Revocation revocation) =>
        Assert.True(await server.Services.GetRequiredService<IRevocations>().AddAsync([revocation], null, TestContext.Current.CancellationToken));

    private static long Count(Server server)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "server.db")};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from revocation";
        return (long)command.ExecuteScalar()!;
    }

    private sealed class Failing : IRevocations
    {
        public bool Hangs { get; init; }

        public async Task<IReadOnlyCollection<T>> RevokedAsync<T>(IReadOnlyCollection<T> tokens, CancellationToken cancellationToken) where T : IRevocable
        {
            // Deaf to cancellation, as a disk that has stopped is.
            await Task.Delay(Hangs ? Timeout.Infinite : 0, CancellationToken.None);
            throw new IOException("disk full at /var/secret");
        }

        public Task<bool> AddAsync(IReadOnlyCollection<Revocation> revocations, Revocation? once, CancellationToken cancellationToken) => throw new IOException();

        public Task<int> PurgeAsync(DateTimeOffset issuedBefore, int limit, CancellationToken cancellationToken) => throw new IOException();
    }
}
