using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What leaves the server when a tool calls a downstream API. On a server of its own, so that all that is heard there is of this test.</summary>
public sealed class DownstreamTests : IAsyncLifetime
{
    private readonly Server _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task The_callers_token_leaves_only_as_the_assertion_and_graph_gets_another_for_five_minutes()
    {
        var token = await _server.Tokens.OfAsync("alice", "people:read");
        await _server.CallAsync(token, "find_people", new { query = "warm-up, so that discovery is done" });
        using var outbound = new Outbound(_server);

        var answer = await _server.CallAsync(token, "find_people", new { query = "al" });

        Assert.Equal(Tokens.Alice, answer.Structured.GetProperty("people")[0].GetProperty("id").GetString());
        var exchange = Assert.Single(outbound.Requests, request => request.Path == "/token");
        var search = Assert.Single(outbound.Requests, request => request.Path.StartsWith("/graph", StringComparison.Ordinal));
        Assert.Equal(2, outbound.Requests.Count);

        // The assertion, and nothing beside it that the tool did not declare.
        Assert.Equal(token, exchange.Form["assertion"]);
        Assert.DoesNotContain(token, exchange.Text.Replace(token, "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal("urn:ietf:params:oauth:grant-type:jwt-bearer", exchange.Form["grant_type"]);
        Assert.Equal("on_behalf_of", exchange.Form["requested_token_use"]);
        Assert.Equal($"{_server.Provider}graph/User.ReadBasic.All", exchange.Form["scope"]);

        // Another token, of the same person, for another audience, with just that scope, for at most five minutes.
        var downstream = search.Authorization!["Bearer ".Length..];
        Assert.NotEqual(token, downstream);
        Assert.DoesNotContain(token.Split('.')[2], search.Text, StringComparison.Ordinal);
        var claims = Claims(downstream);
        Assert.Equal($"{_server.Provider}graph", claims.GetProperty("aud").GetString());
        Assert.Equal(Tokens.Alice, claims.GetProperty("sub").GetString());
        Assert.Contains("User.ReadBasic.All", claims.GetProperty("scp").GetString()!.Split(' '));
        Assert.InRange(claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64(), 1, 300);
        var issued = Assert.Single(outbound.TokenAnswers);
        Assert.InRange(issued.GetProperty("expires_in").GetInt32(), 1, 300);
        Assert.False(issued.TryGetProperty("refresh_token", out _));
    }

    [Fact]
    public async Task Every_call_is_an_exchange_of_its_own()
    {
        var token = await _server.Tokens.OfAsync("bob", "people:read");
        using var outbound = new Outbound(_server);

        Assert.False((await _server.CallAsync(token, "find_people", new { query = "al" })).IsError);
        Assert.False((await _server.CallAsync(token, "find_people", new { query = "al" })).IsError);

        Assert.Equal(2, outbound.Requests.Count(request => request.Path == "/token"));
    }

    [Fact]
    public async Task A_tool_that_declares_nothing_downstream_sends_nothing()
    {
        var token = await _server.Tokens.OfAsync("alice", "projects:read people:read");
        await _server.CallAsync(token, "list_projects", new { });
        using var outbound = new Outbound(_server);

        await _server.CallAsync(token, "list_projects", new { });

        Assert.Empty(outbound.Requests);
    }

    [Fact]
    public async Task When_the_issuer_does_not_exchange_the_tool_fails_plainly_and_graph_hears_nothing()
    {
        await using var own = await Server.StartAsync(settings: ("Obo:ClientCredentials:0:ClientSecret", "not the secret"));
        var token = await own.Tokens.OfAsync("alice", "people:read");
        using var outbound = new Outbound(own);

        var answer = await own.CallAsync(token, "find_people", new { query = "al" });

        Assert.Equal("This server is not set up to call the service that this tool needs. Tell its operator.", answer.Failure);
        Assert.DoesNotContain(outbound.Requests, request => request.Path.StartsWith("/graph", StringComparison.Ordinal));
        Assert.DoesNotContain(outbound.Requests, request => request.Text.Contains("client_credentials", StringComparison.Ordinal));
        Assert.Equal(
            [("decision", "allow", "scopes_held"), ("exchange", "error", "obo_misconfigured")],
            own.AuditRows().Select(row => (row.GetProperty("kind").GetString()!, row.GetProperty("decision").GetString()!, row.GetProperty("reason").GetString()!)));
    }

    private static JsonElement Claims(string token) =>
        JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(token.Split('.')[1])).RootElement;
}

/// <summary>Records what this process sends to the provider and to the stand-in for Graph, and the provider's token answers.</summary>
internal sealed class Outbound : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    private readonly Server _server;
    private readonly List<IDisposable> _subscriptions = [];
    private readonly ConcurrentQueue<Sent> _requests = new();
    private readonly ConcurrentQueue<JsonElement> _answers = new();

    public Outbound(Server server)
    {
        _server = server;
        _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
    }

    public IReadOnlyCollection<Sent> Requests => _requests;

    public IReadOnlyCollection<JsonElement> TokenAnswers => _answers;

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "HttpHandlerDiagnosticListener")
        {
            _subscriptions.Add(value.Subscribe(this));
        }
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Key == "System.Net.Http.HttpRequestOut.Start" && Of<HttpRequestMessage>(value.Value, "Request") is { } request && IsOurs(request))
        {
            var content = request.Content?.ReadAsStringAsync().GetAwaiter().GetResult() ?? "";
            _requests.Enqueue(new Sent(request.RequestUri!.AbsolutePath, request.Headers.Authorization?.ToString(), content, $"{request.RequestUri}\n{request.Headers}\n{content}"));
        }
        else if (value.Key == "System.Net.Http.HttpRequestOut.Stop" && Of<HttpResponseMessage>(value.Value, "Response") is { RequestMessage: { } asked } response
            && IsOurs(asked) && asked.RequestUri!.AbsolutePath == "/token")
        {
            response.Content.LoadIntoBufferAsync().GetAwaiter().GetResult();
            _answers.Enqueue(JsonDocument.Parse(response.Content.ReadAsStringAsync().GetAwaiter().GetResult()).RootElement);
        }
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    public void Dispose() => _subscriptions.ForEach(subscription => subscription.Dispose());

    private bool IsOurs(HttpRequestMessage request) => request.RequestUri!.Authority == _server.Provider.Authority;

    private static T? Of<T>(object? payload, string property) where T : class => payload?.GetType().GetProperty(property)?.GetValue(payload) as T;

    internal sealed record Sent(string Path, string? Authorization, string Content, string Text)
    {
        public IReadOnlyDictionary<string, string> Form =>
            Content.Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1].Replace('+', ' ')));
    }
}
