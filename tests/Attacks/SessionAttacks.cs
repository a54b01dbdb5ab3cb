using System.Net;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block D for sessions: they belong to one person and one client, carry one answer to one question, and grant nothing.</summary>
public sealed class SessionAttacks(HybridShredding shredding) : IClassFixture<HybridShredding>
{
    private const string List = """{"jsonrpc":"2.0","id":3,"method":"tools/list"}""";

    private Server Server => shredding.Server;

    private Shreds Shreds => shredding.Shreds;

    private string Bob => shredding.Token(subject: Tokens.Bob);

    private string OtherClient => shredding.Token(client: "c2");

    [Fact]
    public async Task An_older_client_is_asked_in_its_session_and_after_a_yes_it_is_done_once()
    {
        var (client, runs, last) = (await OlderClient.StartAsync(Server, shredding.Token()), Shreds.Runs, shredding.LastRecord);
        using var asked = await client.CallAsync();

        Assert.Equal("Shred 1 of “old.txt” in the project “Welcome” for good. This cannot be undone.", asked.Sentence);
        Assert.Equal(runs, Shreds.Runs);
        Assert.Equal(HttpStatusCode.Accepted, (await client.AnswerAsync(asked.Id)).Status);

        Assert.Equal("shredded old.txt 1 ", (await asked.OutcomeAsync()).Content);
        Assert.Equal(runs + 1, Shreds.Runs);
        Assert.Equal(["asked confirmation_needed", "accepted answered"], shredding.Recorded(last));
        Assert.Equal(HttpStatusCode.BadRequest, (await client.AnswerAsync(asked.Id)).Status);
    }

    [Theory]
    [Trait("Attack", "D11")]
    [InlineData("""{"action":"decline"}""", "declined answered")]
    [InlineData("""{"action":"cancel"}""", "cancelled answered")]
    [InlineData("""{"action":"accept","content":{"confirm":false}}""", "declined answered")]
    [InlineData("""{"action":"ACCEPT","content":{"confirm":true}}""", "refused not_an_answer")]
    [InlineData("""{"action":["accept"],"content":{"confirm":true}}""", "refused not_an_answer")]
    [InlineData("""{"action":"accept"}""", "refused not_an_answer")]
    [InlineData("""{"action":"accept","content":{"confirm":"true"}}""", "refused not_an_answer")]
    [InlineData("""{"action":"accept","content":{"confirm":true,"more":true}}""", "refused not_an_answer")]
    [InlineData("""{"content":{"confirm":true}}""", "refused not_an_answer")]
    [InlineData("{}", "refused not_an_answer")]
    [InlineData("[]", "refused not_an_answer")]
    [InlineData("null", "refused not_an_answer")]
    [InlineData("\"accept\"", "refused not_an_answer")]
    [InlineData("""{"resultType":"input_required","requestState":"x"}""", "refused not_an_answer")]
    public async Task What_is_not_exactly_yes_is_not_yes(string result, string recorded)
    {
        var (client, runs, last) = (await OlderClient.StartAsync(Server, shredding.Token()), Shreds.Runs, shredding.LastRecord);
        using var asked = await client.CallAsync();

        await client.AnswerAsync(asked.Id, result);

        Assert.Contains("Nothing was done.", (await asked.OutcomeAsync()).Failure, StringComparison.Ordinal);
        Assert.Equal(runs, Shreds.Runs);
        Assert.Equal(["asked confirmation_needed", recorded], shredding.Recorded(last));
    }

    [Fact]
    [Trait("Attack", "own: an error for an answer")]
    public async Task A_client_that_answers_with_an_error_has_not_said_yes()
    {
        var (client, runs) = (await OlderClient.StartAsync(Server, shredding.Token()), Shreds.Runs);
        using var asked = await client.CallAsync();

        await client.SendAsync($$$"""{"jsonrpc":"2.0","id":"{{{asked.Id}}}","error":{"code":-32603,"message":"accept"}}""");

        Assert.Contains("Nothing was done.", (await asked.OutcomeAsync()).Failure, StringComparison.Ordinal);
        Assert.Equal(runs, Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "SE-03: answers of others")]
    public async Task Only_who_was_asked_can_answer_and_only_in_the_session_that_asks()
    {
        var (alice, bob) = (await OlderClient.StartAsync(Server, shredding.Token()), await OlderClient.StartAsync(Server, Bob));
        var (second, other) = (await OlderClient.StartAsync(Server, shredding.Token()), await OlderClient.StartAsync(Server, OtherClient));
        var runs = Shreds.Runs;
        using var asked = await alice.CallAsync();

        Assert.Equal(HttpStatusCode.Unauthorized, (await alice.AnswerAsync(asked.Id, otherToken: "nonsense")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await alice.AnswerAsync(asked.Id, otherToken: Bob)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await alice.AnswerAsync(asked.Id, otherToken: OtherClient)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await alice.AnswerAsync(asked.Id, otherToken: shredding.Token("files:read"))).Status);
        foreach (var client in (OlderClient[])[bob, second, other])
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await client.AnswerAsync(asked.Id)).Status);
        }

        foreach (var id in (string[])["1", "\"1\"", "7", "\"\"", $"\"{asked.Id.ToUpperInvariant()}x\"", $"\"{asked.Id[..^1]}\"", "null"])
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await alice.SendAsync($$"""{"jsonrpc":"2.0","id":{{id}},"result":{{OlderClient.Yes}}}""")).Status);
        }

        var both = $$$"""{"jsonrpc":"2.0","id":"{{{asked.Id}}}","result":{{{OlderClient.Yes}}},"error":{"code":1,"message":"x"}}""";
        Assert.Equal(HttpStatusCode.BadRequest, (await alice.SendAsync(both)).Status);
        var modern = Message.List().With($$"""{"jsonrpc":"2.0","id":"{{asked.Id}}","result":{{OlderClient.Yes}}}""").WithHeader("Mcp-Session-Id", alice.Session);
        Assert.Equal(HttpStatusCode.BadRequest, (await Server.SendAsync(shredding.Token(), modern)).Status);
        Assert.Equal(runs, Shreds.Runs);

        Assert.Equal(HttpStatusCode.Accepted, (await alice.AnswerAsync(asked.Id)).Status);
        Assert.Equal("shredded old.txt 1 ", (await asked.OutcomeAsync()).Content);
        Assert.Equal(runs + 1, Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "SE-05: twenty at once")]
    public async Task Of_twenty_answers_at_once_one_is_taken()
    {
        var (client, runs) = (await OlderClient.StartAsync(Server, shredding.Token()), Shreds.Runs);
        using var asked = await client.CallAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.AnswerAsync(asked.Id)));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Accepted);
        Assert.Equal("shredded old.txt 1 ", (await asked.OutcomeAsync()).Content);
        Assert.Equal(runs + 1, Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "own: an older client that answers before it is asked")]
    public async Task A_state_and_answers_in_the_call_of_an_older_client_are_not_read()
    {
        var (client, runs) = (await OlderClient.StartAsync(Server, shredding.Token()), Shreds.Runs);
        var state = await Server.AskAsync(shredding.Token());
        using var asked = await client.CallAsync();
        using var request = Message.List(legacy: true)
            .With($$"""{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"shred","arguments":{"project":"welcome","what":"old.txt"},"requestState":"{{state}}","inputResponses":{{Rounds.Yes}} } }""")
            .WithHeader("Mcp-Session-Id", client.Session).ToRequest(new Uri(Server.Resource), shredding.Token());
        using var response = await Server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        string? line;
        do
        {
            line = await reader.ReadLineAsync();
        }
        while (line?.StartsWith("data: {", StringComparison.Ordinal) == false);

        Assert.Contains("elicitation/create", line, StringComparison.Ordinal);
        Assert.Equal(runs, Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "own: the client goes away")]
    public async Task Who_goes_away_before_the_answer_has_not_said_yes()
    {
        // A client of its own: other tests leave questions behind, too, and what becomes of those comes late.
        const string gone = "goes-away";
        var (client, runs, last) = (await OlderClient.StartAsync(Server, shredding.Token(client: gone)), Shreds.Runs, shredding.LastRecord);
        var asked = await client.CallAsync();
        asked.Dispose();
        for (var i = 0; i < 200 && !shredding.Recorded(last, gone).Contains("refused not_an_answer"); i++)
        {
            await Task.Delay(50);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await client.AnswerAsync(asked.Id)).Status);
        Assert.Equal(["asked confirmation_needed", "refused not_an_answer"], shredding.Recorded(last, gone));
        Assert.Equal(runs, Shreds.Runs);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"elicitation":{"url":{}}}""")]
    public async Task An_older_client_that_has_not_declared_elicitation_is_told_so(string capabilities)
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token(), capabilities);
        using var asked = await client.CallAsync();

        var error = asked.Message.GetProperty("error");
        Assert.Equal(-32021, error.GetProperty("code").GetInt32());
        Assert.True(error.GetProperty("data").GetProperty("requiredCapabilities").TryGetProperty("elicitation", out _));
    }

    [Fact]
    [Trait("Attack", "D01")]
    public async Task A_session_is_no_token()
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token());

        foreach (var message in (Message[])[Message.List(legacy: true), Message.List()])
        {
            var answer = await Server.SendAsync(null, message.WithHeader("Mcp-Session-Id", client.Session));

            Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
            Assert.False(answer.Headers.ContainsKey("Mcp-Session-Id"));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.EndAsync(null)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.EndAsync(null, HttpMethod.Get)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.SendAsync("""{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"shred"}}""", shredding.Token("files:read"))).Status);
    }

    [Fact]
    [Trait("Attack", "D02")]
    public async Task A_stolen_session_is_refused_whoever_brings_it_and_nothing_happens_to_it()
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token());

        foreach (var stranger in (string[])[Bob, OtherClient])
        {
            foreach (var body in (string[])[List, """{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}""", """{"jsonrpc":"2.0","id":3,"method":"ping"}"""])
            {
                var refused = await client.SendAsync(body, stranger);
                Assert.Equal((HttpStatusCode.Forbidden, 403), (refused.Status, refused.ErrorCode));
                Assert.False(refused.Headers.ContainsKey("Mcp-Session-Id"));
            }

            Assert.Equal(HttpStatusCode.Forbidden, (await client.EndAsync(stranger)).Status);
        }

        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(List)).Status);
    }

    [Theory]
    [Trait("Attack", "own: sessions that are none")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAA", HttpStatusCode.NotFound, -32001)]
    [InlineData("a place for", HttpStatusCode.NotFound, -32001)]
    [InlineData("", HttpStatusCode.BadRequest, -32600)]
    [InlineData(null, HttpStatusCode.BadRequest, -32600)]
    public async Task Without_a_session_of_ones_own_an_older_client_has_to_begin_one(string? session, HttpStatusCode status, int code)
    {
        var answer = await Server.SendAsync(shredding.Token(), Message.List(legacy: true).WithHeader("Mcp-Session-Id", session));

        Assert.Equal((status, code), (answer.Status, answer.ErrorCode));
        Assert.False(answer.Headers.ContainsKey("Mcp-Session-Id"));
    }

    [Fact]
    public async Task A_session_ends_when_its_owner_says_so_and_opens_no_stream()
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token());

        var stream = await client.EndAsync(shredding.Token(), HttpMethod.Get);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "POST, DELETE"), (stream.Status, stream.Headers["Allow"]));
        Assert.Equal(HttpStatusCode.OK, (await client.EndAsync(shredding.Token())).Status);

        Assert.Equal(HttpStatusCode.NotFound, (await client.SendAsync(List)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await client.EndAsync(shredding.Token())).Status);
    }

    [Fact]
    public async Task A_client_of_the_current_version_has_no_session_here_either()
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token());

        foreach (var token in (string[])[shredding.Token(), Bob])
        {
            var answer = await Server.SendAsync(token, Message.List().WithHeader("Mcp-Session-Id", client.Session));

            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.False(answer.Headers.ContainsKey("Mcp-Session-Id"));
        }
    }

    [Fact]
    [Trait("Attack", "own: beginning anew in somebody's session")]
    public async Task Initialize_always_begins_a_session_of_its_own()
    {
        var client = await OlderClient.StartAsync(Server, shredding.Token());

        foreach (var token in (string[])[shredding.Token(), Bob])
        {
            var answer = await Server.SendAsync(token, OlderClient.Initialize().WithHeader("Mcp-Session-Id", client.Session));

            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.NotEqual(client.Session, answer.Headers["Mcp-Session-Id"]);
        }
    }

    [Fact]
    public async Task Ids_are_long_and_never_the_same()
    {
        var ids = new HashSet<string>();
        for (var i = 0; i < 50; i++)
        {
            Assert.True(ids.Add((await OlderClient.StartAsync(Server, shredding.Token())).Session));
        }

        Assert.All(ids, id => Assert.InRange(System.Buffers.Text.Base64Url.DecodeFromChars(id).Length * 8, 128, 1024));
    }

    [Fact]
    public async Task No_client_has_more_sessions_than_the_limit_and_an_idle_one_ends()
    {
        var clock = new MovedClock();
        await using var own = await Server.StartAsync(clock.Replace, ("Mcp:Sessions", "Hybrid"), ("Limits:Sessions", "2"));
        string Token(string client) => own.Tokens.Forge(claims =>
        {
            var now = clock.GetUtcNow().ToUnixTimeSeconds();
            (claims["iat"], claims["exp"], claims["client_id"]) = (now, now + 300, client);
        });

        var many = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => own.SendAsync(Token("c1"), OlderClient.Initialize())));
        Assert.Equal(2, many.Count(answer => answer.Status == HttpStatusCode.OK));
        Assert.All(many.Where(answer => answer.Status != HttpStatusCode.OK), answer => Assert.Equal((HttpStatusCode.TooManyRequests, "60"), (answer.Status, answer.Headers["Retry-After"])));
        Assert.Equal(HttpStatusCode.OK, (await own.SendAsync(Token("c2"), OlderClient.Initialize())).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await own.SendAsync(Token("c1"), OlderClient.Initialize())).Status);

        var session = many.First(answer => answer.Status == HttpStatusCode.OK).Headers["Mcp-Session-Id"];
        clock.Advance(TimeSpan.FromMinutes(11));
        Answer last;
        var tries = 0;
        do
        {
            // The SDK looks for idle sessions every few seconds; asking would keep this one awake, so it is the limit that is asked.
            await Task.Delay(250);
            last = await own.SendAsync(Token("c1"), OlderClient.Initialize());
        }
        while (last.Status == HttpStatusCode.TooManyRequests && ++tries < 120);

        Assert.Equal(HttpStatusCode.OK, last.Status);
        Assert.Equal(HttpStatusCode.NotFound, (await new OlderClient(own, Token("c1"), session).SendAsync(List)).Status);
    }

    [Fact]
    public async Task Nobody_has_a_session_when_they_are_not_served()
    {
        await using var own = await Server.StartAsync();
        var token = await own.Tokens.OfAsync("alice", "projects:read");

        Assert.False((await own.SendAsync(token, OlderClient.Initialize())).Headers.ContainsKey("Mcp-Session-Id"));
        var answer = new OlderClient(own, token, "AAAAAAAAAAAAAAAAAAAAAA");
        Assert.Equal(HttpStatusCode.BadRequest, (await answer.AnswerAsync("1")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await answer.EndAsync(token)).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await answer.EndAsync(token, HttpMethod.Get)).Status);
    }
}
