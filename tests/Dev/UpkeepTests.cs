using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>The store does not grow for ever, and what still matters stays.</summary>
public sealed class UpkeepTests
{
    [Fact]
    public async Task What_can_no_longer_matter_is_thrown_away()
    {
        var directory = Directory.CreateTempSubdirectory("dev-provider-").FullName;
        await using (var first = await DevServer.StartAsync(directory: directory, keepDirectory: true))
        {
            using var browser = new Browser(first);
            await (await Connection.MakeAsync(first, browser)).RefreshAsync();
            var ended = await Connection.MakeAsync(first, browser);
            await ended.RevokeAsync(ended.RefreshToken);
            await first.CommandTokenAsync();
        }

        var before = Rows(directory);
        Assert.Equal((4, 3), (before.Clients, before.Grants));
        Assert.InRange(before.Tokens, 9, 99);

        // Two starts a day apart: the clients are used no more when the first one looks, and forgotten by the second.
        await StartAfterAsync(directory, TimeSpan.FromDays(15));
        Assert.Equal((4, 0, 0), Rows(directory));
        await StartAfterAsync(directory, TimeSpan.FromDays(17));
        Assert.Equal((2, 0, 0), Rows(directory));

        SqliteConnection.ClearAllPools();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_client_that_never_got_a_grant_is_forgotten_after_a_day_and_one_that_did_is_not()
    {
        var directory = Directory.CreateTempSubdirectory("dev-provider-").FullName;
        var url = $"http://localhost:{DevServer.FreePort()}";
        Connection used;
        await using (var first = await DevServer.StartAsync(url, directory, keepDirectory: true))
        {
            using var browser = new Browser(first);
            used = await Connection.MakeAsync(first, browser);
            used = await used.RefreshAsync();
            await first.RegisterAsync(name: "Never allowed anything");
        }

        foreach (var (hours, left) in ((int, int)[])[(0, 4), (23, 4), (25, 3)])
        {
            await StartAfterAsync(directory, TimeSpan.FromHours(hours));
            Assert.Equal(left, Rows(directory).Clients);
        }

        var clock = new Clock();
        clock.Advance(TimeSpan.FromDays(13));
        await using var last = await DevServer.StartAsync(url, directory, clock: clock);
        using var later = new Browser(last);
        Assert.Equal(HttpStatusCode.OK, (await later.RefreshAsync(used.Client, used.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_refresh_token_that_was_used_days_ago_is_still_known_and_its_reuse_ends_the_grant()
    {
        var directory = Directory.CreateTempSubdirectory("dev-provider-").FullName;
        var url = $"http://localhost:{DevServer.FreePort()}";
        Connection old, current;
        await using (var first = await DevServer.StartAsync(url, directory, keepDirectory: true))
        {
            using var browser = new Browser(first);
            old = await Connection.MakeAsync(first, browser);
            current = await old.RefreshAsync();
        }

        var clock = new Clock();
        clock.Advance(TimeSpan.FromDays(5));
        await using var second = await DevServer.StartAsync(url, directory, clock: clock);
        using var later = new Browser(second);

        Assert.Equal("invalid_grant", (await later.RefreshAsync(old.Client, old.RefreshToken)).Body.GetProperty("error").GetString());
        Assert.Equal("invalid_grant", (await later.RefreshAsync(old.Client, current.RefreshToken)).Body.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Shorter_lifetimes_can_be_tried_out()
    {
        await using var server = await DevServer.StartAsync(settings: [("Dev:AccessTokenLifetime", "00:00:20"), ("Dev:RefreshTokenLifetime", "00:01:00")]);
        using var browser = new Browser(server);
        var connection = await Connection.MakeAsync(server, browser);
        Assert.Equal(TimeSpan.FromSeconds(20), Lifetime(connection.AccessToken));
        var (_, exchanged) = await server.PostAsync("/token", server.OnBehalfOf(connection.AccessToken, $"{server.Issuer}graph/Files.Read"));
        Assert.Equal(20, exchanged.GetProperty("expires_in").GetInt32());
        Assert.Equal(TimeSpan.FromSeconds(20), Lifetime(exchanged.GetProperty("access_token").GetString()!));

        server.Clock.Advance(TimeSpan.FromSeconds(21));
        Assert.Equal(HttpStatusCode.BadRequest, await server.ExchangeAsync(connection.AccessToken));
        var refreshed = await connection.RefreshAsync();
        Assert.Equal(HttpStatusCode.OK, await server.ExchangeAsync(refreshed.AccessToken));

        server.Clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.RefreshAsync(refreshed.Client, refreshed.RefreshToken)).Status);
    }

    [Theory]
    [InlineData("Dev:AccessTokenLifetime", "00:05:01")]
    [InlineData("Dev:AccessTokenLifetime", "00:00:00")]
    [InlineData("Dev:AccessTokenLifetime", "-00:00:10")]
    [InlineData("Dev:AccessTokenLifetime", "00:00:01.5")]
    [InlineData("Dev:AccessTokenLifetime", "soon")]
    [InlineData("Dev:AccessTokenLifetime", "10")]
    [InlineData("Dev:RefreshTokenLifetime", "14.00:00:01")]
    public void A_lifetime_that_is_longer_than_it_may_be_or_none_is_refused(string key, string value)
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => DevServer.Configure("Development", (key, value)));

        Assert.StartsWith(key, refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Starts the provider this much later, and stops it.</summary>
    private static async Task StartAfterAsync(string directory, TimeSpan ahead)
    {
        var clock = new Clock();
        clock.Advance(ahead);
        await using var server = await DevServer.StartAsync(directory: directory, keepDirectory: true, clock: clock);
    }

    private static TimeSpan Lifetime(string token) => new JsonWebToken(token) is var read ? read.ValidTo - read.IssuedAt : default;

    private static (long Clients, long Grants, long Tokens) Rows(string directory)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(directory, "dev", "provider.db")};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select (select count(*) from OpenIddictApplications), (select count(*) from OpenIddictAuthorizations), (select count(*) from OpenIddictTokens)";
        using var reader = command.ExecuteReader();
        reader.Read();

        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }
}
