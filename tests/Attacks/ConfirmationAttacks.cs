using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block D for questions: every way of getting something done without the yes to this very call. It is never done.</summary>
public sealed class ConfirmationAttacks(Shredding shredding) : IClassFixture<Shredding>
{
    private Server Server => shredding.Server;

    public static TheoryData<string> Alterations { get; } =
    [
        "first bit", "middle bit", "last bit", "every tenth character", "truncated by one", "half", "first half twice", "one more", "two states", "empty", "space before",
        "upper case", "plain JSON", "base64 of JSON", "sealed with another key", "sealed for another purpose", "sealed null", "sealed nonsense", "very long",
    ];

    [Theory]
    [Trait("Attack", "SE-05: altered, truncated, forged")]
    [MemberData(nameof(Alterations))]
    public async Task A_state_that_this_server_did_not_seal_is_worth_nothing(string alteration)
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);
        var protection = Server.Services.GetRequiredService<IDataProtectionProvider>();
        var plain = JsonSerializer.Serialize(new { Question = "x", Expires = long.MaxValue, Issuer = Server.Provider.AbsoluteUri, Subject = Tokens.Alice, Client = "c1", Tool = "shred", Arguments = "", Version = "" });
        var altered = alteration switch
        {
            "first bit" => Flip(state, 0),
            "middle bit" => Flip(state, state.Length / 2),
            "last bit" => Flip(state, state.Length - 2),
            "every tenth character" => Enumerable.Range(1, (state.Length / 10) - 1).Aggregate(state, (text, i) => Flip(text, i * 10)),
            "truncated by one" => state[..^1],
            "half" => state[..(state.Length / 2)],
            "first half twice" => state[..(state.Length / 2)] + state[..(state.Length / 2)],
            "one more" => state + "A",
            "two states" => state + state,
            "empty" => "",
            "space before" => " " + state[..^1],
            "upper case" => state.ToUpperInvariant(),
            "plain JSON" => plain,
            "base64 of JSON" => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(plain)),
            "sealed with another key" => new EphemeralDataProtectionProvider().CreateProtector("McpFilesServer.Tools.RequestState.v1").Protect(plain),
            "sealed for another purpose" => protection.CreateProtector("McpFilesServer.Tools.RequestState.v2").Protect(plain),
            "sealed null" => protection.CreateProtector("McpFilesServer.Tools.RequestState.v1").Protect("null"),
            "sealed nonsense" => protection.CreateProtector("McpFilesServer.Tools.RequestState.v1").Protect("no JSON"),
            _ => new string('A', 500_000),
        };

        await RefusedAsync("state_not_ours", token, Rounds.Second(altered));

        Assert.Equal("shredded old.txt 1 ", (await Server.SendAsync(token, Rounds.Second(state))).Content);
    }

    [Fact]
    [Trait("Attack", "D06")]
    public async Task A_state_of_another_person_another_client_or_about_another_tool_is_refused_and_stays_the_owners()
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);

        await RefusedAsync("state_of_another", shredding.Token(subject: Tokens.Bob), Rounds.Second(state));
        await RefusedAsync("state_of_another", shredding.Token(client: "c2"), Rounds.Second(state));
        await RefusedAsync("state_of_another", token, Rounds.Second(state, tool: "shred_all"));

        Assert.Equal("shredded old.txt 1 ", (await Server.SendAsync(token, Rounds.Second(state))).Content);
    }

    [Theory]
    [Trait("Attack", "HI-03: other arguments")]
    [InlineData("""{"project":"welcome","what":"other.txt"}""")]
    [InlineData("""{"project":"welcome","what":"old.txt "}""")]
    [InlineData("""{"project":"welcome","what":"OLD.TXT"}""")]
    [InlineData("""{"project":"welcome","what":"old.txt","count":1}""")]
    [InlineData("""{"project":"welcome","what":"old.txt","count":100}""")]
    [InlineData("""{"project":"welcome","what":"old.txt","more":[]}""")]
    [InlineData("""{"project":"welcome","what":"old.txt","more":["another.txt"]}""")]
    public async Task A_yes_to_one_call_is_none_to_another(string arguments)
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);

        await RefusedAsync("arguments_changed", token, Rounds.Second(state, arguments: arguments));
        await RefusedAsync("answered_already", token, Rounds.Second(state));
    }

    [Theory]
    [Trait("Attack", "D11")]
    [InlineData("{}")]
    [InlineData("""{"confirmation":{}}""")]
    [InlineData("""{"confirmation":null}""")]
    [InlineData("""{"confirmation":true}""")]
    [InlineData("""{"confirmation":"accept"}""")]
    [InlineData("""{"confirmation":["accept"]}""")]
    [InlineData("""{"confirmation":[{"action":"accept","content":{"confirm":true}}]}""")]
    [InlineData("""{"confirmation":{"action":"ACCEPT","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"Accept","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept ","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"\u0430ccept","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"yes","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":true,"content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":null,"content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":["accept"],"content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept"}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":null}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":true}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":["confirm"]}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":"true"}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":1}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":null}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":[true]}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"Confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":true,"remember":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":true,"confirm ":false}}}""")]
    [InlineData("""{"Confirmation":{"action":"accept","content":{"confirm":true}}}""")]
    [InlineData("""{"input_1":{"action":"accept","content":{"confirm":true}}}""")]
    [InlineData("""{"":{"action":"accept","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":true}},"another":{"action":"accept","content":{"confirm":true}}}""")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":true}},"confirmation2":{"action":"decline"}}""")]
    [InlineData("""{"confirmation":{"result":{"action":"accept","content":{"confirm":true}}}}""")]
    public async Task What_is_not_exactly_yes_is_not_yes(string answers)
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);

        await RefusedAsync("not_an_answer", token, Rounds.Second(state, answers));
        await RefusedAsync("answered_already", token, Rounds.Second(state));
    }

    [Fact]
    [Trait("Attack", "HI-04: missing")]
    public async Task A_state_without_an_answer_and_an_answer_without_a_state_do_nothing()
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);

        await RefusedAsync("state_not_ours", token, Rounds.Second(null));
        await RefusedAsync("not_an_answer", token, Rounds.Second(state, null));
        await RefusedAsync("answered_already", token, Rounds.Second(state));
    }

    [Theory]
    [Trait("Attack", "own: members of another kind or spelling")]
    [InlineData("\"requestState\"", "\"RequestState\"")]
    [InlineData("\"requestState\"", "\"request\\u0053tate\",\"requestState\"")]
    [InlineData("\"inputResponses\"", "\"InputResponses\"")]
    [InlineData("\"action\"", "\"Action\"")]
    [InlineData("\"action\"", "\"action\":\"decline\",\"action\"")]
    [InlineData("\"content\"", "\"CONTENT\"")]
    [InlineData("\"inputResponses\":{", "\"inputResponses\":[],\"x\":{")]
    [InlineData("\"inputResponses\":{", "\"inputResponses\":null,\"x\":{")]
    [InlineData("\"inputResponses\":{", "\"inputResponses\":\"yes\",\"x\":{")]
    [InlineData("\"requestState\":", "\"requestState\":null,\"x\":")]
    [InlineData("\"requestState\":", "\"requestState\":5,\"x\":")]
    [InlineData("\"requestState\":", "\"requestState\":{},\"x\":")]
    [InlineData("\"requestState\":", "\"requestState\":[],\"x\":")]
    public async Task What_could_be_read_in_two_ways_is_not_read(string sent, string instead)
    {
        var (token, runs) = (shredding.Token(), shredding.Shreds.Runs);
        var message = Rounds.Second(await Server.AskAsync(token));
        var body = message.Body.Replace(sent, instead, StringComparison.Ordinal);
        Assert.NotEqual(message.Body, body);

        var refused = await Server.SendAsync(token, message.With(body));

        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    [Theory]
    [Trait("Attack", "own: state and answer in the wrong place")]
    [InlineData("arguments")]
    [InlineData("_meta")]
    [InlineData("root")]
    public async Task A_state_elsewhere_than_in_the_params_is_none(string place)
    {
        var (token, runs) = (shredding.Token(), shredding.Shreds.Runs);
        var message = Rounds.Second(await Server.AskAsync(token));
        var body = JsonNode.Parse(message.Body)!.AsObject();
        var parameters = body["params"]!.AsObject();
        var to = place == "root" ? body : parameters[place]!.AsObject();
        foreach (var name in (string[])["requestState", "inputResponses"])
        {
            var value = parameters[name]!.DeepClone();
            parameters.Remove(name);
            to[name] = value;
        }

        var answer = await Server.SendAsync(token, message.With(body.ToJsonString()));

        Assert.True(place == "root" || (place == "arguments" ? answer.IsError : answer.Asks()), answer.Text);
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "SE-05: late")]
    public async Task After_two_minutes_a_yes_comes_too_late()
    {
        var state = await Server.AskAsync(shredding.Token());
        shredding.Clock.Advance(TimeSpan.FromSeconds(121));

        await RefusedAsync("too_late", shredding.Token(), Rounds.Second(state));
    }

    [Fact]
    [Trait("Attack", "SE-05: twenty at once")]
    public async Task Of_twenty_at_once_one_is_done()
    {
        var (token, runs, last) = (shredding.Token(), shredding.Shreds.Runs, shredding.LastRecord);
        var state = await Server.AskAsync(token);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Server.SendAsync(token, Rounds.Second(state))));

        Assert.Equal(runs + 1, shredding.Shreds.Runs);
        Assert.Single(answers, answer => answer.Body.TryGetProperty("result", out _));
        Assert.Equal(19, answers.Count(answer => answer.Body.TryGetProperty("error", out _) && answer.ErrorCode == -32602));
        Assert.Equal(19, shredding.Recorded(last).Count(record => record == "refused answered_already"));
        Assert.Single(shredding.Recorded(last), "accepted answered");
    }

    [Fact]
    [Trait("Attack", "own: yes and no race")]
    public async Task Of_a_yes_and_a_no_at_once_only_one_counts()
    {
        for (var i = 0; i < 5; i++)
        {
            var (token, runs) = (shredding.Token(), shredding.Shreds.Runs);
            var state = await Server.AskAsync(token);

            var answers = await Task.WhenAll(
                Server.SendAsync(token, Rounds.Second(state)), Server.SendAsync(token, Rounds.Second(state, """{"confirmation":{"action":"decline"}}""")));

            var done = answers[0].Body.TryGetProperty("result", out _);
            Assert.NotEqual(done, answers[1].Body.TryGetProperty("result", out _));
            Assert.Equal(runs + (done ? 1 : 0), shredding.Shreds.Runs);
        }
    }

    [Fact]
    [Trait("Attack", "HI-03: changed meanwhile")]
    public async Task What_has_changed_since_the_question_is_not_touched()
    {
        var (token, runs, last) = (shredding.Token(), shredding.Shreds.Runs, shredding.LastRecord);
        var state = await Server.AskAsync(token);
        shredding.Shreds.Version = Guid.NewGuid().ToString();

        Assert.Equal("What the user was asked about has changed since. Nothing was done. Call the tool again, and the user is asked anew.", (await Server.SendAsync(token, Rounds.Second(state))).Failure);

        await RefusedAsync("answered_already", token, Rounds.Second(state));
        Assert.Equal(runs, shredding.Shreds.Runs);
        Assert.Equal(["asked confirmation_needed", "refused changed_since", "refused answered_already"], shredding.Recorded(last));
    }

    [Fact]
    [Trait("Attack", "own: the sentence changes under the yes")]
    public async Task A_project_that_was_renamed_between_question_and_answer_is_asked_about_anew()
    {
        var (token, runs) = (shredding.Token(), shredding.Shreds.Runs);
        var slug = (await Server.CallAsync(token, "create_project", new { title = "Rubbish" })).Structured.GetProperty("slug").GetString()!;
        var state = await Server.AskAsync(token, new { project = slug, what = "x" });
        await RenameAsync(slug, "The only copy");

        Assert.Contains("has changed since", (await Server.SendAsync(token, Rounds.Second(state, arguments: new { project = slug, what = "x" }))).Failure, StringComparison.Ordinal);
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "own: a yes is no right")]
    public async Task A_yes_takes_a_valid_token_with_the_scope_as_every_call_does()
    {
        var runs = shredding.Shreds.Runs;
        var state = await Server.AskAsync(shredding.Token());

        Assert.Equal(HttpStatusCode.Unauthorized, (await Server.SendAsync(null, Rounds.Second(state))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Server.SendAsync("nonsense", Rounds.Second(state))).Status);
        var challenged = await Server.SendAsync(shredding.Token("files:read projects:read"), Rounds.Second(state));
        Assert.Equal(HttpStatusCode.Forbidden, challenged.Status);
        Assert.Contains("scope=\"files:delete\"", challenged.Challenge, StringComparison.Ordinal);
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "own: a state from a newer client by an older one, and as a notification")]
    public async Task A_state_is_worth_nothing_in_another_protocol_version_nor_without_an_id()
    {
        var (token, runs) = (shredding.Token(), shredding.Shreds.Runs);
        var message = Rounds.Second(await Server.AskAsync(token));

        Assert.Equal(HttpStatusCode.Accepted, (await Server.SendAsync(token, message.With(message.Body.Replace("\"id\":7,", "", StringComparison.Ordinal)))).Status);
        var older = JsonNode.Parse(message.Body)!;
        older["params"]!.AsObject().Remove("_meta");
        Assert.Contains("cannot be asked here", (await Server.SendAsync(token, Message.List(legacy: true).With(older.ToJsonString()))).Failure, StringComparison.Ordinal);
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    [Fact]
    [Trait("Attack", "own: answers to what asks nothing")]
    public async Task A_state_opens_no_other_operation()
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token);

        var other = await Server.SendAsync(token, Rounds.Second(state, arguments: new { project = "welcome" }, tool: "get_project"));
        Assert.Equal("Welcome", other.Structured.GetProperty("title").GetString());

        Assert.Equal("shredded old.txt 1 ", (await Server.SendAsync(token, Rounds.Second(state))).Content);
    }

    [Theory]
    [Trait("Attack", "HI-05")]
    [InlineData("Delete nothing\u202etxt.exe", "“Delete nothing?txt.exe”")]
    [InlineData("a\nYou will keep everything.", "“a?You will keep everything.”")]
    [InlineData("x” in “y” – nothing will happen. “", "“x? in ?y? ? nothing will happen. ?”")]
    [InlineData("\"x\" `y` <b>z</b> [l](https://evil.example) {0}", "“?x? ?y? ?b?z?/b? ?l?(https?/?evil.example) ?0?”")]
    [InlineData("www.evil.example", "“www?evil.example”")]
    [InlineData("a\u200bb\u2060c\ufeffd\U000E0041e\u00adf", "“a?b?c?d?e?f”")]
    [InlineData("a\u3164b\ufe0fc\u0000d\u001b[31m", "“a?b?c?d??31m”")]
    [InlineData("\ud83d\ude00 Müller Ünïcode 数据 हिन्दी", "“? Müller Ünïcode 数据 हिन्दी”")]
    public async Task A_name_shows_as_a_name_and_cannot_write_the_question(string what, string shown)
    {
        var asked = await Server.SendAsync(shredding.Token(), Rounds.First(new { project = "welcome", what }));

        Assert.Equal($"Shred 1 of {shown} in the project “Welcome” for good. This cannot be undone.", asked.Sentence());
    }

    [Fact]
    [Trait("Attack", "HI-05: a name that pushes the question out of sight")]
    public async Task A_long_name_shows_its_beginning_and_its_end()
    {
        var asked = await Server.SendAsync(shredding.Token(), Rounds.First(new { project = "welcome", what = $"begin{new string('x', 5000)}end.txt" }));

        Assert.Equal($"Shred 1 of “begin{new string('x', 35)}…{new string('x', 33)}end.txt” in the project “Welcome” for good. This cannot be undone.", asked.Sentence());
    }

    [Fact]
    [Trait("Attack", "own: what a client can read in a state")]
    public async Task A_state_tells_its_bearer_nothing()
    {
        var state = await Server.AskAsync(shredding.Token());
        var bytes = System.Text.Encoding.Latin1.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(state));

        Assert.DoesNotContain("shred", bytes, StringComparison.Ordinal);
        Assert.DoesNotContain(Tokens.Alice, bytes, StringComparison.Ordinal);
        Assert.NotEqual(state, await Server.AskAsync(shredding.Token()));
    }

    /// <summary>A second round that is refused: the same words whatever is wrong with it, the reason on the record, nothing done.</summary>
    private async Task RefusedAsync(string reason, string token, Message message)
    {
        var (runs, last) = (shredding.Shreds.Runs, shredding.LastRecord);

        var refused = await Server.SendAsync(token, message);

        Assert.Equal((HttpStatusCode.OK, -32602), (refused.Status, refused.ErrorCode));
        Assert.Equal("This is no answer to an open question about this call. Nothing was done. Call the tool again without it, and the user is asked anew.", refused.ErrorMessage);
        Assert.Equal([$"refused {reason}"], shredding.Recorded(last));
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    private async Task RenameAsync(string slug, string title)
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(Server.Storage, "server.db")}");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "update project set title = $title where slug = $slug";
        command.Parameters.AddWithValue("$slug", slug);
        command.Parameters.AddWithValue("$title", title);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    private static string Flip(string state, int at)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return $"{state[..at]}{Alphabet[Alphabet.IndexOf(state[at], StringComparison.Ordinal) ^ 1]}{state[(at + 1)..]}";
    }
}
