using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>An issuer that is asked on every request whether the token is still active, and does everything wrong that it can.</summary>
public sealed class IntrospectionTests : IAsyncLifetime
{
    private readonly Probe _probe = new();
    private readonly SlowProbe _slow = new();
    private TestIssuer _issuer = null!;
    private Server _server = null!;
    private string _token = null!;
    private int _questions;

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        _server = await Server.StartAsync(
            services => services.AddSingleton(_probe.Tool()).AddSingleton(_slow.Tool()),
            ("Auth:Issuers:1:Authority", _issuer.Authority), ("Auth:Issuers:1:Introspection:Endpoint", $"{_issuer.Url}/introspect"),
            ("Auth:Issuers:1:Introspection:ClientId", "files:server"), ("Auth:Issuers:1:Introspection:ClientSecret", "s3 cret"));
        _token = _issuer.Token(_server.Resource, claims => claims["jti"] = "the-id");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task Every_request_asks_with_the_servers_own_credentials_and_no_answer_is_kept()
    {
        (string Authorization, string Body) asked = default;
        var active = true;
        _issuer.Introspect = async context =>
        {
            _questions++;
            using var body = new StreamReader(context.Request.Body);
            asked = (context.Request.Headers.Authorization.ToString(), await body.ReadToEndAsync());
            await JsonAsync(context, $$"""{"active":{{(active ? "true" : "false")}}}""");
        };

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await CallAsync()).Status);
        }

        Assert.Equal((5, $"Basic {Convert.ToBase64String(Encoding.ASCII.GetBytes("files%3Aserver:s3+cret"))}", $"token={_token}&token_type_hint=access_token"), (_questions, asked.Authorization, asked.Body));
        active = false;
        var answer = await CallAsync();
        Assert.Equal((HttpStatusCode.Unauthorized, "token_inactive", 5), (answer.Status, Reason(), _probe.Runs));
        Assert.Contains("error=\"invalid_token\"", answer.Challenge, StringComparison.Ordinal);
        // Only its own issuer is asked about a token.
        Assert.Equal(HttpStatusCode.OK, (await _server.CallAsync(_server.Tokens.Forge(), "probe", new { })).Status);
        Assert.Equal(6, _questions);
    }

    [Theory]
    [InlineData("\"iss\":\"https://idp.example.com\"")]
    [InlineData("\"iss\":7")]
    [InlineData("\"sub\":\"somebody else\"")]
    [InlineData("\"sub\":null")]
    [InlineData("\"client_id\":\"c2\"")]
    [InlineData("\"jti\":\"another\"")]
    [InlineData("\"aud\":\"https://graph.microsoft.com\"")]
    [InlineData("\"aud\":\"RES/\"")]
    [InlineData("\"aud\":[]")]
    [InlineData("\"aud\":[\"https://graph.microsoft.com\"]")]
    [InlineData("\"aud\":7")]
    [InlineData("\"exp\":9999999999")]
    [InlineData("\"exp\":\"soon\"")]
    [InlineData("\"iat\":1")]
    [InlineData("\"scope\":[\"projects:read\"]")]
    [InlineData("\"cnf\":{\"jkt\":\"x\"}")]
    public async Task An_answer_about_another_token_is_a_refusal(string lie)
    {
        _issuer.Introspect = context => JsonAsync(context, $$"""{"active":true,{{lie.Replace("RES", _server.Resource, StringComparison.Ordinal)}}}""");

        Assert.Equal((HttpStatusCode.Unauthorized, "token_introspection_differs", 0), ((await CallAsync()).Status, Reason(), _probe.Runs));
    }

    [Theory]
    [InlineData("away")]
    [InlineData("hang")]
    [InlineData("trickle")]
    [InlineData("401")]
    [InlineData("204")]
    [InlineData("redirect")]
    [InlineData("html")]
    [InlineData("large")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[true]")]
    [InlineData("{}")]
    [InlineData("""{"active":"true"}""")]
    [InlineData("""{"active":1}""")]
    [InlineData("""{"Active":true}""")]
    [InlineData("""{"active":false,"active":true}""")]
    [InlineData("""{"active":true} {"active":false}""")]
    public async Task No_answer_that_can_be_read_within_the_deadline_is_a_503(string fault)
    {
        _issuer.Introspect = fault switch
        {
            "away" or "401" or "204" => context =>
            {
                context.Response.StatusCode = fault == "away" ? 500 : int.Parse(fault, System.Globalization.CultureInfo.InvariantCulture);
                return context.Response.StatusCode == 204 ? Task.CompletedTask : context.Response.WriteAsync("""{"active":true}""");
            }
            ,
            "hang" => context => Task.Delay(TimeSpan.FromSeconds(30), context.RequestAborted),
            "trickle" => async context =>
            {
                context.Response.ContentType = "application/json";
                for (var i = 0; i < 300; i++)
                {
                    await context.Response.WriteAsync(" ");
                    await context.Response.Body.FlushAsync();
                    await Task.Delay(100, context.RequestAborted);
                }
            }
            ,
            "redirect" => context =>
            {
                context.Response.Redirect($"{_issuer.Url}/introspect", permanent: false, preserveMethod: true);
                _questions++;
                return Task.CompletedTask;
            }
            ,
            "html" => context => context.Response.WriteAsync("""{"active":true}"""),
            "large" => context => JsonAsync(context, $$"""{"active":true,"x":"{{new string('x', 100_000)}}"}"""),
            _ => context => JsonAsync(context, fault),
        };
        var watch = Stopwatch.StartNew();

        var answer = await CallAsync();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, 503, "", "introspection_unavailable", 0), (answer.Status, answer.ErrorCode, answer.Challenge, Reason(), _probe.Runs));
        Assert.NotEmpty(answer.Headers["Retry-After"]);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(6), $"{watch.Elapsed}");
        Assert.InRange(_questions, 0, 1);
        // The people of another issuer do not notice.
        Assert.Equal(HttpStatusCode.OK, (await _server.CallAsync(_server.Tokens.Forge(), "probe", new { })).Status);
    }

    [Fact]
    public async Task An_answer_that_repeats_the_token_is_taken_and_its_scopes_only_take_away()
    {
        var scope = "projects:read";
        var claims = JsonNode.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(_token.Split('.')[1]))!.AsObject();
        _issuer.Introspect = context =>
        {
            var answer = claims.DeepClone().AsObject();
            (answer["active"], answer["scope"], answer["aud"]) = (true, scope, new JsonArray("another", _server.Resource));
            return JsonAsync(context, answer.ToJsonString());
        };

        Assert.Equal(HttpStatusCode.OK, (await CallAsync()).Status);
        scope = "projects:read projects:write";
        Assert.Equal(HttpStatusCode.Forbidden, (await _server.CallAsync(_token, "create_project", new { title = "x" })).Status);
        scope = "";
        Assert.Equal((HttpStatusCode.Forbidden, 1), ((await CallAsync()).Status, _probe.Runs));
    }

    [Fact]
    public async Task An_issuer_is_asked_a_few_questions_at_once_and_no_more()
    {
        var (now, most) = (0, 0);
        _issuer.Introspect = async context =>
        {
            var mine = Interlocked.Increment(ref now);
            InterlockedMax(ref most, mine);
            await Task.Delay(100);
            Interlocked.Decrement(ref now);
            await JsonAsync(context, """{"active":true}""");
        };

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => CallAsync()));

        Assert.InRange(most, 2, 32);
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable));
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("""{"active":false}""", "token_inactive")]
    [InlineData("", "token_unchecked")]
    public async Task What_is_open_ends_when_the_issuer_says_so_or_says_nothing(string said, string reason)
    {
        var answer = """{"active":true}""";
        _issuer.Introspect = context => JsonAsync(context, answer);
        var call = OpenAsync();
        await _slow.Began.WaitAsync(TimeSpan.FromSeconds(20));
        answer = said;
        var watch = Stopwatch.StartNew();

        Assert.True(await _slow.Ended.WaitAsync(TimeSpan.FromSeconds(20)));
        await Assert.ThrowsAnyAsync<Exception>(() => call);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(said.Length > 0 ? 5 : 7), $"{watch.Elapsed}");
        Assert.Contains(await RowsAsync("revocation"), row => row == reason);
    }

    private static Task JsonAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    private static void InterlockedMax(ref int most, int mine)
    {
        for (var seen = most; mine > seen; seen = most)
        {
            Interlocked.CompareExchange(ref most, mine, seen);
        }
    }

    private async Task OpenAsync()
    {
        using var request = SlowProbe.Call().ToRequest(new Uri(_server.Resource), _token);
        using var response = await _server.Http.SendAsync(request);
    }

    private async Task<List<string?>> RowsAsync(string kind)
    {
        List<string?> Read() => [.. _server.AuditRows().Where(row => row.GetProperty("kind").GetString() == kind).Select(row => row.GetProperty("reason").GetString())];
        for (var i = 0; i < 50 && Read().Count == 0; i++)
        {
            await Task.Delay(100);
        }

        return Read();
    }

    private Task<Answer> CallAsync() => _server.CallAsync(_token, "probe", new { });

    private string? Reason() => _server.AuditRows()[^1].GetProperty("reason").GetString();
}
