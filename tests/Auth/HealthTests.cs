using System.Net;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What the server says of itself to whatever watches over it, and that it is true.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task Without_the_keys_of_an_issuer_it_lives_and_is_not_ready_and_becomes_so_by_itself()
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Instead = context =>
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return Task.CompletedTask;
        };
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:0:Authority", issuer.Authority));

        Assert.Equal((HttpStatusCode.OK, "Healthy"), await AskAsync(server, "/health/live"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "Unhealthy"), await AskAsync(server, "/health/ready"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);

        issuer.Instead = null;
        Assert.Equal((HttpStatusCode.OK, "Healthy"), await UntilAsync(server, HttpStatusCode.OK));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
    }

    [Fact]
    public async Task A_locked_database_is_not_ready_and_a_crowd_that_asks_waits_for_one_look_only()
    {
        await using var server = await Server.StartAsync();
        Assert.Equal((HttpStatusCode.OK, "Healthy"), await UntilAsync(server, HttpStatusCode.OK));
        await using (var other = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "server.db")};Pooling=False"))
        {
            await other.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = other.CreateCommand();
            command.CommandText = "begin immediate";
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            Assert.Equal((HttpStatusCode.ServiceUnavailable, "Unhealthy"), await UntilAsync(server, HttpStatusCode.ServiceUnavailable));
            // All of them wait for the same look: as many looks at a locked file would keep as many threads from everybody else.
            var crowd = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => AskAsync(server, "/health/ready")));
            Assert.All(crowd, answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status));
            Assert.Equal((HttpStatusCode.OK, "Healthy"), await AskAsync(server, "/health/live"));
        }

        Assert.Equal((HttpStatusCode.OK, "Healthy"), await UntilAsync(server, HttpStatusCode.OK));
    }

    [Fact]
    [Trait("Attack", "H13")]
    public async Task A_server_that_is_told_to_stop_lets_running_calls_finish_and_records_how_they_went()
    {
        var slow = new SlowProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()));
        var call = server.SendAsync(server.Tokens.Forge(), SlowProbe.Call());
        await slow.Began;

        var stopping = server.Services.GetRequiredService<IHost>().StopAsync(TestContext.Current.CancellationToken);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        Assert.False(stopping.IsCompleted);
        slow.Finish = true;

        Assert.Equal("finished", (await call).Content);
        await stopping;
        Assert.Equal(
            ["configuration started", "decision scopes_held", "outcome answered", "configuration stopped"],
            server.AuditRecords().Select(row => $"{row.GetProperty("kind")} {row.GetProperty("reason")}"));
    }

    private static async Task<(HttpStatusCode Status, string Text)> UntilAsync(Server server, HttpStatusCode status)
    {
        var answer = await AskAsync(server, "/health/ready");
        for (var i = 0; i < 100 && answer.Status != status; i++)
        {
            await Task.Delay(200);
            answer = await AskAsync(server, "/health/ready");
        }

        return answer;
    }

    private static async Task<(HttpStatusCode Status, string Text)> AskAsync(Server server, string path)
    {
        using var response = await server.Http.GetAsync(new Uri(server.Url, path));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
