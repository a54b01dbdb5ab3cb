using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>The person is asked, says yes, and it is done once; and everything that is not this.</summary>
public sealed class ConfirmationTests(Shredding shredding) : IClassFixture<Shredding>
{
    private Server Server => shredding.Server;

    private Shreds Shreds => shredding.Shreds;

    [Fact]
    public async Task The_person_is_asked_what_exactly_will_happen_to_what_and_after_a_yes_it_happens_once()
    {
        var (token, runs, last) = (shredding.Token(), Shreds.Runs, shredding.LastRecord);

        var asked = await Server.SendAsync(token, Rounds.First());

        Assert.True(asked.Asks());
        Assert.Equal("Shred 1 of “old.txt” in the project “Welcome” for good. This cannot be undone.", asked.Sentence());
        Assert.Equal(runs, Shreds.Runs);
        Assert.Equal(["asked confirmation_needed"], shredding.Recorded(last));

        var done = await Server.SendAsync(token, Rounds.Second(asked.State()));

        Assert.Equal("shredded old.txt 1 ", done.Content);
        Assert.Equal(runs + 1, Shreds.Runs);
        Assert.Equal(["asked confirmation_needed", "accepted answered"], shredding.Recorded(last));
    }

    [Fact]
    public async Task The_form_is_one_box_that_is_not_ticked()
    {
        var asked = await Server.SendAsync(shredding.Token(), Rounds.First());

        var request = asked.Result.GetProperty("inputRequests").GetProperty("confirmation");
        Assert.Equal("elicitation/create", request.GetProperty("method").GetString());
        var schema = request.GetProperty("params").GetProperty("requestedSchema");
        Assert.Equal("boolean", Assert.Single(schema.GetProperty("properties").EnumerateObject()).Value.GetProperty("type").GetString());
        Assert.False(schema.GetProperty("properties").GetProperty("confirm").TryGetProperty("default", out _));
        Assert.Equal("confirm", Assert.Single(schema.GetProperty("required").EnumerateArray()).GetString());
    }

    [Theory]
    [InlineData("""{"confirmation":{"action":"decline"}}""", "declined answered", "The user was asked and said no. Nothing was done.")]
    [InlineData("""{"confirmation":{"action":"decline","content":{"confirm":true}}}""", "declined answered", "The user was asked and said no. Nothing was done.")]
    [InlineData("""{"confirmation":{"action":"accept","content":{"confirm":false}}}""", "declined answered", "The user was asked and said no. Nothing was done.")]
    [InlineData("""{"confirmation":{"action":"cancel"}}""", "cancelled answered", "The user was asked and gave no answer. Nothing was done.")]
    public async Task A_no_is_a_no_is_recorded_and_cannot_become_a_yes(string answers, string recorded, string sentence)
    {
        var (token, runs, last) = (shredding.Token(), Shreds.Runs, shredding.LastRecord);
        var state = await Server.AskAsync(token);

        Assert.Equal(sentence, (await Server.SendAsync(token, Rounds.Second(state, answers))).Failure);
        Assert.Equal(-32602, (await Server.SendAsync(token, Rounds.Second(state))).ErrorCode);

        Assert.Equal(runs, Shreds.Runs);
        Assert.Equal(["asked confirmation_needed", recorded, "refused answered_already"], shredding.Recorded(last));
    }

    [Fact]
    public async Task Who_may_not_do_it_is_not_asked_and_hears_what_the_tool_would_say()
    {
        var bob = shredding.Token(subject: Tokens.Bob);

        Assert.Equal("This takes the role editor in 'welcome'; yours is reader.", (await Server.SendAsync(bob, Rounds.First())).Failure);
        Assert.Equal("You have no project 'no-such'. list_projects shows the ones you have.", (await Server.SendAsync(bob, Rounds.First(new { project = "no-such", what = "x" }))).Failure);
        Assert.Equal("There is no argument 'force'. This tool takes: project, what, count, more.", (await Server.SendAsync(bob, Rounds.First(new { project = "welcome", what = "x", force = true }))).Failure);
        Assert.Equal(HttpStatusCode.Forbidden, (await Server.SendAsync(shredding.Token("files:read"), Rounds.First())).Status);
    }

    [Fact]
    public async Task The_same_arguments_in_another_order_are_the_same_call()
    {
        var token = shredding.Token();
        var state = await Server.AskAsync(token, """{"project":"welcome","what":"a\u0062","count":5,"more":["x"]}""");

        var done = await Server.SendAsync(token, Rounds.Second(state, arguments: """{ "more":["x"], "count":5, "what":"\u0061b", "project":"welcome" }"""));

        Assert.Equal("shredded ab 5 1", done.Content);
    }

    [Theory]
    [InlineData("""{"a":1,"b":{"c":[1,2.50],"d":"x"}}""", """{ "b": { "d": "\u0078", "c": [1e0, 2.5] }, "a": 1.00 }""", true)]
    [InlineData("""{"a":100}""", """{"a":1e2}""", true)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", false)]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", false)]
    [InlineData("""{"a":null}""", "{}", false)]
    [InlineData("""{"a":"b\",\"c\":\"d"}""", """{"a":"b","c":"d"}""", false)]
    [InlineData("""{"a":1e400}""", """{"a":2e400}""", false)]
    [InlineData("""{"a":0.1}""", """{"a":0.10000000000000001}""", false)]
    public void Arguments_have_one_form_and_only_what_means_the_same_has_the_same(string one, string other, bool same)
    {
        string Digest(string json) => CanonicalJson.Digest(System.Text.Json.JsonElement.Parse(json).EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value)));

        Assert.Equal(same, Digest(one) == Digest(other));
    }

    [Fact]
    public async Task Nothing_is_exchanged_for_a_tool_before_the_person_has_answered()
    {
        var shreds = new Shreds();
        await using var own = await Server.StartAsync(shreds.AddTo, ("Obo:ClientCredentials:0:ClientSecret", "not the secret"));
        var token = own.Tokens.Forge(claims => claims["scope"] = "files:delete");

        var state = await own.AskAsync(token, tool: "shred_abroad");

        Assert.DoesNotContain(own.AuditRows(), row => row.GetProperty("kind").GetString() == "exchange");
        Assert.Equal("This server is not set up to call the service that this tool needs. Tell its operator.", (await own.SendAsync(token, Rounds.Second(state, tool: "shred_abroad"))).Failure);
        Assert.Equal(0, shreds.Runs);
    }

    [Fact]
    public async Task Whose_membership_ended_meanwhile_hears_what_a_stranger_hears()
    {
        var (token, last) = (shredding.Token(), shredding.LastRecord);
        var slug = (await Server.CallAsync(token, "create_project", new { title = "Soon lost" })).Structured.GetProperty("slug").GetString()!;
        var arguments = new { project = slug, what = "x" };
        var state = await Server.AskAsync(token, arguments);
        await LoseAsync(slug);

        var answer = await Server.SendAsync(token, Rounds.Second(state, arguments: arguments));

        Assert.Equal($"You have no project '{slug}'. list_projects shows the ones you have.", answer.Failure);
        Assert.Equal(["asked confirmation_needed", "refused not_allowed_any_more"], shredding.Recorded(last));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"elicitation":{"url":{}}}""")]
    [InlineData("""{"elicitation":null}""")]
    [InlineData("""{"elicitation":true}""")]
    [InlineData("""{"elicitation":[]}""")]
    [InlineData("""{"sampling":{},"roots":{}}""")]
    public async Task A_client_that_cannot_ask_is_told_what_it_lacks_and_nothing_is_done(string capabilities)
    {
        var (token, runs) = (shredding.Token(), Shreds.Runs);
        var state = await Server.AskAsync(token);

        foreach (var message in (Message[])[Rounds.First(capabilities: capabilities), Rounds.Second(state, capabilities: capabilities)])
        {
            var refused = await Server.SendAsync(token, message);

            Assert.Equal((HttpStatusCode.BadRequest, -32021), (refused.Status, refused.ErrorCode));
            Assert.Equal("{}", refused.Body.GetProperty("error").GetProperty("data").GetProperty("requiredCapabilities").GetProperty("elicitation").GetProperty("form").GetRawText());
        }

        Assert.Equal(runs, Shreds.Runs);
    }

    [Fact]
    public async Task A_client_that_can_show_forms_and_pages_is_asked_with_a_form() =>
        Assert.True((await Server.SendAsync(shredding.Token(), Rounds.First(capabilities: """{"elicitation":{"url":{},"form":{}}}"""))).Asks());

    [Fact]
    public async Task An_older_client_without_sessions_is_told_what_to_do()
    {
        var (runs, last) = (Shreds.Runs, shredding.LastRecord);

        var refused = await Server.CallAsync(shredding.Token(), "shred", Rounds.Arguments, legacy: true);

        Assert.Contains("Use a client that speaks MCP 2026-07-28 with elicitation, or have the operator set Mcp:Sessions to Hybrid.", refused.Failure, StringComparison.Ordinal);
        Assert.Equal(runs, Shreds.Runs);
        Assert.Equal(["refused no_session"], shredding.Recorded(last));
    }

    [Fact]
    public async Task A_question_outlives_the_server_and_its_answer_counts_once_all_the_same()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-files-server-").FullName;
        try
        {
            var shreds = new Shreds();
            string first, second;
            // The resource and the issuer are part of what a token is for: the same ports after the restart.
            var (port, provider) = (Server.FreePort(), Server.FreePort());
            (string, string)[] settings = [("Storage:Directory", storage), ("Mcp:Resource", $"http://localhost:{port}/mcp"), ("Dev:Url", $"http://localhost:{provider}")];
            await using (var before = await Server.StartAsync(shreds.AddTo, [.. settings]))
            {
                var token = before.Tokens.Forge(Alice(port, provider));
                first = (await OnPortAsync(before, port, token, Rounds.First())).State();
                second = (await OnPortAsync(before, port, token, Rounds.First())).State();
                Assert.Equal("shredded old.txt 1 ", (await OnPortAsync(before, port, token, Rounds.Second(first))).Content);
            }

            await using var after = await Server.StartAsync(shreds.AddTo, [.. settings]);
            var again = after.Tokens.Forge(Alice(port, provider));
            Assert.Equal(-32602, (await OnPortAsync(after, port, again, Rounds.Second(first))).ErrorCode);
            Assert.Equal("shredded old.txt 1 ", (await OnPortAsync(after, port, again, Rounds.Second(second))).Content);
            Assert.Equal(-32602, (await OnPortAsync(after, port, again, Rounds.Second(second))).ErrorCode);
            Assert.Equal(2, shreds.Runs);
        }
        finally
        {
            Directory.Delete(storage, recursive: true);
        }
    }

    [Fact]
    public void What_asks_is_part_of_the_policy()
    {
        var tools = Server.Services.GetServices<McpServerTool>().ToList();
        var shred = tools.Single(tool => tool.ProtocolTool.Name == "shred");

        var asking = new Surface(tools, [], [], new AuthOptions());
        var silent = new Surface([.. tools.Where(tool => tool != shred), new Silent(shred)], [], [], new AuthOptions());

        Assert.Equal("ShredQuestion", asking.Operations.Single(operation => operation.Target == "shred").Asks!.Question.Name);
        Assert.NotEqual(asking.PolicyVersion, silent.PolicyVersion);
    }

    [Fact]
    public async Task No_more_questions_wait_for_a_person_than_the_limit_and_one_more_says_when_to_try_again()
    {
        var clock = new MovedClock();
        await using var own = await Server.StartAsync(services =>
        {
            new Shreds().AddTo(services);
            clock.Replace(services);
        }, ("Limits:OpenQuestions", "3"));
        string Of(string subject, string client) => own.Tokens.Forge(claims => (claims["scope"], claims["sub"], claims["client_id"]) = ("files:delete files:write", subject, client));
        var alice = Of(Tokens.Alice, "c1");

        var many = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => own.SendAsync(alice, Rounds.First())));
        var open = many.Where(answer => answer.Status == HttpStatusCode.OK && answer.Asks()).ToList();
        Assert.Equal(3, open.Count);
        Assert.All(many.Except(open), answer => Assert.True(answer.Status == HttpStatusCode.TooManyRequests || answer.IsError));

        var refused = await own.SendAsync(Of(Tokens.Alice, "c2"), Rounds.First());
        Assert.Equal((HttpStatusCode.TooManyRequests, 429), (refused.Status, refused.ErrorCode));
        Assert.InRange(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 120);
        Assert.Equal("This takes the role editor in 'welcome'; yours is reader.", (await own.SendAsync(Of(Tokens.Bob, "c1"), Rounds.First())).Failure);

        Assert.Equal("shredded old.txt 1 ", (await own.SendAsync(alice, Rounds.Second(open[0].State()))).Content);
        Assert.True((await own.SendAsync(alice, Rounds.First())).Asks());
        Assert.Equal(HttpStatusCode.TooManyRequests, (await own.SendAsync(alice, Rounds.First())).Status);

        clock.Advance(TimeSpan.FromSeconds(121));
        Assert.True((await own.SendAsync(alice, Rounds.First())).Asks());
    }

    private async Task LoseAsync(string slug)
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(Server.Storage, "server.db")}");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "delete from member where project_id = (select id from project where slug = $slug)";
        command.Parameters.AddWithValue("$slug", slug);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    private static Action<JsonObject> Alice(int port, int provider) => claims =>
        (claims["aud"], claims["iss"], claims["scope"]) = ($"http://localhost:{port}/mcp", $"http://localhost:{provider}/", "files:delete");

    /// <summary>The listener is the fixture's own; the name it is called by is that of the resource.</summary>
    private static async Task<Answer> OnPortAsync(Server server, int port, string token, Message message) =>
        await server.SendAsync(token, message.WithHeader("Host", $"localhost:{port}"));

    /// <summary>The same tool, asking nobody.</summary>
    private sealed class Silent(McpServerTool inner) : DelegatingMcpServerTool(inner)
    {
        public override IReadOnlyList<object> Metadata => [.. base.Metadata.Where(item => item is not AsksHumanAttribute)];
    }
}
