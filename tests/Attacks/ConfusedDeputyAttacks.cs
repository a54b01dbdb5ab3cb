using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>What leaves the server, byte for byte, while tools call downstream: whose token it is, and that nobody's goes where it must not.</summary>
public sealed class ConfusedDeputyAttacks : IAsyncLifetime
{
    private readonly Wire _wire = new();
    private Server _server = null!;

    public async ValueTask InitializeAsync() => _server = await Server.StartAsync(_wire.TapAll);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    [Trait("Attack", "own: OB-01, a caller's token anywhere but in the exchange")]
    public async Task No_inbound_token_leaves_but_as_the_assertion_and_nobody_asks_for_a_token_of_the_servers_own()
    {
        var inbound = new List<string>();
        // Every tool that calls downstream, good arguments and bad ones, and an issuer in every mood.
        foreach (var tool in (await _server.SendAsync(await TokenAsync(), Message.List())).Result.GetProperty("tools").EnumerateArray().Where(Downstream))
        {
            foreach (var mood in (string?[])[null, "interaction_required", "invalid_grant", "invalid_client", "server_error"])
            {
                _wire.Mood = mood;
                await _server.CallAsync(await TokenAsync(), tool.GetProperty("name").GetString()!, ToolArguments.Good(tool, new Dictionary<string, string> { ["project"] = "welcome" }));
            }

            _wire.Mood = null;
            var token = await TokenAsync();
            foreach (var (_, fill) in ToolArguments.Strings(tool.GetProperty("inputSchema")))
            {
                var arguments = ToolArguments.Good(tool, new Dictionary<string, string> { ["project"] = "welcome" });
                fill(arguments, token);
                await _server.CallAsync(token, tool.GetProperty("name").GetString()!, arguments);
            }
        }

        Assert.Contains(_wire.Sent, sent => sent.Path.Contains("/graph/", StringComparison.Ordinal));
        Assert.Contains(_wire.Sent, sent => sent.Form.ContainsKey("assertion"));
        foreach (var sent in _wire.Sent)
        {
            // A person may write what she likes into a search, also a token of her own; as a credential it goes nowhere.
            var rest = Rest(sent);
            Assert.All(inbound, token => Assert.DoesNotContain(token, rest, StringComparison.Ordinal));
            Assert.All(inbound, token => Assert.DoesNotContain(token.Split('.')[2], rest, StringComparison.Ordinal));
            Assert.DoesNotContain("client_credentials", sent.Text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("refresh_token", sent.Text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("offline_access", sent.Text, StringComparison.OrdinalIgnoreCase);
            Assert.True(!sent.Form.TryGetValue("grant_type", out var grant) || grant == "urn:ietf:params:oauth:grant-type:jwt-bearer", sent.Text);
        }

        async Task<string> TokenAsync()
        {
            inbound.Add(await _server.Tokens.OfAsync("alice", string.Join(' ', Scopes.InWords.Keys)));
            return inbound[^1];
        }

        string Rest(Sent sent) => sent.Path == "/token" && sent.Form.TryGetValue("assertion", out var assertion) ? sent.Text.Replace(assertion, "", StringComparison.Ordinal)
            : inbound.Aggregate(sent.Text, (text, token) => sent.Url.Contains("$search", StringComparison.Ordinal) ? text.Replace(token, "", StringComparison.Ordinal) : text);
    }

    [Fact]
    [Trait("Attack", "C04")]
    public async Task Of_two_hundred_calls_of_alice_and_bob_in_turns_each_goes_downstream_as_the_person_who_made_it()
    {
        var tokens = new Dictionary<string, string> { ["alice"] = await _server.Tokens.OfAsync("alice", "people:read"), ["bob"] = await _server.Tokens.OfAsync("bob", "people:read") };
        var ids = new Dictionary<string, string> { ["alice"] = Tokens.Alice, ["bob"] = Tokens.Bob };

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            var name = i % 2 == 0 ? "alice" : "bob";
            return await _server.CallAsync(tokens[name], "find_people", new { query = $"{name}{i}" });
        }));

        Assert.All(answers, answer => Assert.False(answer.IsError, answer.Text));
        var searches = _wire.Sent.Where(sent => sent.Path.EndsWith("/users", StringComparison.Ordinal)).ToList();
        Assert.Equal(200, searches.Count);
        Assert.All(searches, search => Assert.Equal(ids[search.Url.Contains("alice", StringComparison.Ordinal) ? "alice" : "bob"], SubjectOf(search.Bearer)));
        Assert.Equal(200, searches.Select(search => search.Bearer).Distinct().Count());
        Assert.Equal(200, _wire.Sent.Count(sent => sent.Path == "/token"));
    }

    [Fact]
    [Trait("Attack", "own: a tenant in the token")]
    public async Task A_tenant_that_a_token_names_leads_nowhere()
    {
        var token = _server.Tokens.Forge(claims =>
        {
            claims["scope"] = "people:read";
            claims["tid"] = "99999999-9999-9999-9999-999999999999";
            claims["http://schemas.microsoft.com/identity/claims/tenantid"] = "99999999-9999-9999-9999-999999999999";
            claims["oid"] = Tokens.Bob;
        });

        await _server.CallAsync(token, "find_people", new { query = "al" });

        // The provider knows nothing of a token that it did not make, and that is where it was asked, and nowhere else.
        Assert.Contains(_wire.Sent, sent => sent.Form.TryGetValue("assertion", out var assertion) && assertion == token);
        Assert.All(_wire.Sent, sent => Assert.Equal(_server.Provider.Authority, sent.Authority));
        Assert.All(_wire.Sent, sent => Assert.DoesNotContain("99999999", sent.Text.Replace(token, "", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.All(_wire.Sent, sent => Assert.DoesNotContain(Tokens.Bob, sent.Text.Replace(token, "", StringComparison.Ordinal), StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Attack", "C06")]
    public async Task No_argument_says_where_to_or_as_whom()
    {
        foreach (var name in (string[])["downstreamUrl", "tenant", "onBehalfOf", "base_url", "scope"])
        {
            var answer = await _server.CallAsync(await _server.Tokens.OfAsync("alice", "people:read"), "find_people", new JsonObject { ["query"] = "al", [name] = "http://169.254.169.254/" });

            Assert.True(answer.IsError);
        }

        Assert.DoesNotContain(_wire.Sent, sent => sent.Path.StartsWith("/graph", StringComparison.Ordinal));
        Assert.All(_wire.Sent, sent => Assert.DoesNotContain("169.254", sent.Text, StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Attack", "C11")]
    public async Task A_token_for_the_downstream_API_is_none_for_this_server()
    {
        await _server.CallAsync(await _server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });
        var downstream = _wire.Sent.Single(sent => sent.Path.EndsWith("/users", StringComparison.Ordinal)).Bearer!;

        var answer = await _server.SendAsync(downstream, Message.List());

        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, answer.Status);
        Assert.Contains("error=\"invalid_token\"", answer.Challenge, StringComparison.Ordinal);
    }

    private bool Downstream(JsonElement tool) => _server.Services.GetRequiredService<Surface>().Operations
        .Any(operation => operation.Downstream is not null && operation.Target == tool.GetProperty("name").GetString());

    private static string SubjectOf(string? token) =>
        JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(token!.Split('.')[1])).RootElement.GetProperty("sub").GetString()!;

    /// <summary>One request as it leaves: after every handler that the server puts before the connection.</summary>
    private sealed record Sent(string Client, string Url, string Headers, string Body)
    {
        public string Text => Uri.UnescapeDataString($"{Url}\n{Headers}\n{Body}");

        public string Path => new Uri(Url).AbsolutePath;

        public string Authority => new Uri(Url).Authority;

        public string? Bearer { get; init; }

        public Dictionary<string, string> Form => Body.Split('&').Select(pair => pair.Split('=')).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1].Replace('+', ' ')));
    }

    /// <summary>Stands directly before the connection of every client that the server has, whoever takes it: ours, MSAL's and those of libraries.</summary>
    private sealed class Wire : IHttpMessageHandlerBuilderFilter
    {
        private readonly ConcurrentQueue<Sent> _sent = new();

        public IReadOnlyCollection<Sent> Sent => _sent;

        /// <summary>The error that the token endpoint answers with; null when it is asked for real.</summary>
        public string? Mood { get; set; }

        public void TapAll(IServiceCollection services) => services.AddSingleton<IHttpMessageHandlerBuilderFilter>(this);

        public Action<HttpMessageHandlerBuilder> Configure(Action<HttpMessageHandlerBuilder> next) => builder =>
        {
            next(builder);
            builder.AdditionalHandlers.Add(new Tap(this, builder.Name ?? ""));
        };

        private sealed class Tap(Wire wire, string client) : DelegatingHandler
        {
            protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
            {
                var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
                wire._sent.Enqueue(new Sent(client, request.RequestUri!.AbsoluteUri, $"{request.Headers}{request.Content?.Headers}", body) { Bearer = request.Headers.Authorization?.Parameter });
                return wire.Mood is { } mood && request.RequestUri.AbsolutePath == "/token"
                    ? new HttpResponseMessage(mood == "server_error" ? System.Net.HttpStatusCode.BadGateway : System.Net.HttpStatusCode.BadRequest)
                    {
                        RequestMessage = request,
                        Content = new StringContent($$"""{"error":"{{mood}}"}""", Encoding.UTF8, "application/json"),
                    }
                    : await base.SendAsync(request, cancellationToken);
            }
        }
    }
}
