using System.Collections;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Identity.Client;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Many exchanges at once, and an issuer that is slow: how many run, what is left of them, and who notices.</summary>
public sealed class ExchangeLoadTests
{
    [Fact]
    [Trait("Attack", "own: five hundred at once")]
    public async Task Five_hundred_calls_at_once_are_five_hundred_exchanges_a_few_at_a_time_and_nothing_is_left_of_them()
    {
        var endpoint = new Endpoint(cancellation => Task.Delay(2, cancellation)) { Lifetime = 3600 };
        // Tokens of an hour are those that MSAL would keep.
        await using var server = await StartAsync(endpoint, ("Exchange:AtOnce", "8"), ("Exchange:MaxTokenLifetime", "01:00:00"));
        // Everybody has a token of their own, as with five hundred callers.
        var calls = Enumerable.Range(0, 500).Select(i => server.CallAsync(
            server.Tokens.Forge(claims => (claims["scope"], claims["sub"]) = ("people:read", $"person-{i % 50}")), "find_people", new { query = "al" }));

        var answers = await Task.WhenAll(calls);

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        // Who gets no place in time is told to try again, and nothing was asked for it.
        var busy = server.AuditRows().Count(row => row.GetProperty("reason").GetString() == "obo_busy");
        Assert.Equal(500 - busy, endpoint.Asked);
        Assert.InRange(endpoint.Most, 2, 8);
        Assert.Equal(0, TokensKeptBy(server));
    }

    [Fact]
    public async Task One_person_has_a_quarter_of_the_places()
    {
        var endpoint = new Endpoint(cancellation => Task.Delay(20, cancellation));
        await using var server = await StartAsync(endpoint, ("Exchange:AtOnce", "8"));
        var token = server.Tokens.Forge(claims => claims["scope"] = "people:read");

        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => server.CallAsync(token, "find_people", new { query = "al" })));

        Assert.Equal(40, endpoint.Asked);
        Assert.InRange(endpoint.Most, 1, 2);
    }

    [Theory]
    [InlineData("OnBehalfOf")]
    [InlineData("TokenExchange")]
    [Trait("Attack", "own: an issuer that hangs")]
    public async Task An_issuer_that_hangs_holds_up_nobody_but_who_waits_for_it(string grant)
    {
        var endpoint = new Endpoint(cancellation => Task.Delay(Timeout.Infinite, cancellation));
        (string, string)[] other = grant == "TokenExchange" ? [("Exchange:TokenEndpoint", "http://localhost:1/token"), ("Exchange:ClientSecret", "secret")] : [];
        await using var server = await StartAsync(endpoint, [("Exchange:AtOnce", "4"), ("Exchange:Grant", grant), .. other]);
        var (alice, bob) = (server.Tokens.Forge(claims => claims["scope"] = "people:read"), await server.Tokens.OfAsync("bob", "projects:read files:read"));

        var waiting = Enumerable.Range(0, 50).Select(_ => server.CallAsync(alice, "find_people", new { query = "al" })).ToList();
        await endpoint.FirstAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.False((await server.CallAsync(bob, "list_projects", new { })).IsError);
            Assert.False((await server.CallAsync(bob, "read_text_file", new { project = "welcome", path = "readme.md" })).IsError);
        }

        Assert.All(waiting, call => Assert.False(call.IsCompleted));
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal("The downstream service could not be reached on your behalf. Try again in a minute.", answer.Failure));
    }

    [Fact]
    public async Task An_issuer_that_fails_again_and_again_is_left_alone_for_a_while()
    {
        var endpoint = new Endpoint(_ => Task.CompletedTask) { Status = HttpStatusCode.BadGateway };
        await using var server = await StartAsync(endpoint);
        var token = server.Tokens.Forge(claims => claims["scope"] = "people:read");

        for (var i = 0; i < 60; i++)
        {
            Assert.Equal("The downstream service could not be reached on your behalf. Try again in a minute.", (await server.CallAsync(token, "find_people", new { query = "al" })).Failure);
        }

        Assert.InRange(endpoint.Asked, 1, 59);
    }

    private static Task<Server> StartAsync(Endpoint endpoint, params (string, string)[] settings) =>
        Server.StartAsync(services => services.AddHttpClient(IssuerClient.Name).ConfigurePrimaryHttpMessageHandler(() => endpoint), settings);

    /// <summary>How many callers' tokens are kept: in the cache that Microsoft.Identity.Web would use, or in the one that MSAL has for the whole process.</summary>
    private static int TokensKeptBy(Server server) =>
        ((server.Services.GetService<IMemoryCache>() as MemoryCache)?.Count ?? 0)
        + typeof(IConfidentialClientApplication).Assembly.GetTypes().Single(type => type.Name == "InMemoryPartitionedUserTokenCacheAccessor")
            .GetFields(BindingFlags.Static | BindingFlags.NonPublic).Select(field => field.GetValue(null)).OfType<IDictionary>().Sum(kept => kept.Count);

    private sealed class Endpoint(Func<CancellationToken, Task> pause) : HttpMessageHandler
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _lock = new();
        private int _now;

        public int Lifetime { get; init; } = 300;

        public HttpStatusCode Status { get; init; } = HttpStatusCode.OK;

        public int Asked { get; private set; }

        public int Most { get; private set; }

        public Task FirstAsync() => _first.Task;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            lock (_lock)
            {
                (Asked, _now) = (Asked + 1, _now + 1);
                Most = Math.Max(Most, _now);
            }

            _first.TrySetResult();
            try
            {
                await pause(cancellationToken);
            }
            finally
            {
                lock (_lock)
                {
                    _now--;
                }
            }

            var answer = new JsonObject { ["access_token"] = Guid.NewGuid().ToString(), ["token_type"] = "Bearer", ["expires_in"] = Lifetime, ["scope"] = "User.ReadBasic.All" };
            return new HttpResponseMessage(Status) { RequestMessage = request, Content = new StringContent(answer.ToJsonString(), Encoding.UTF8, "application/json") };
        }
    }
}
