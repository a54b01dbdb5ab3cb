using System.Net;
using System.Text;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What an issuer can say to an exchange, and what comes of it. Only its token endpoint is played; the rest is the real way.</summary>
public sealed class ExchangeTests
{
    private const string Claims = """{"access_token":{"acrs":{"essential":true,"value":"c1"}}}""";

    private const string NotSetUp = "This server is not set up to call the service that this tool needs. Tell its operator.";
    private const string NotAccepted = "What came back for the service that this tool needs is not what was asked for, and was not used. Tell the operator of this server.";
    private const string TryAgain = "The downstream service could not be reached on your behalf. Try again in a minute.";

    private const string Invalid = "error=\"invalid_token\"";
    private const string More = "error=\"insufficient_claims\"";

    [Fact]
    [Trait("Attack", "C02")]
    public async Task An_issuer_that_asks_for_more_is_a_401_with_its_claims_before_anything_is_answered()
    {
        var seen = await FindPeopleAsync(HttpStatusCode.BadRequest, new { error = "interaction_required", error_description = "AADSTS50079: more is needed, see C:\\secret", claims = Claims });

        Assert.Equal((HttpStatusCode.Unauthorized, 401), (seen.Answer.Status, seen.Answer.ErrorCode));
        Assert.StartsWith("Bearer error=\"insufficient_claims\", scope=\"projects:read files:read\", resource_metadata=\"", seen.Answer.Challenge, StringComparison.Ordinal);
        Assert.EndsWith($"claims=\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(Claims))}\"", seen.Answer.Challenge, StringComparison.Ordinal);
        Assert.DoesNotContain("AADSTS", seen.Answer.Text, StringComparison.Ordinal);
        Assert.Equal(1, seen.Exchanges);
        Assert.Equal(["decision allow scopes_held", "exchange challenge claims_needed"], seen.Rows);
    }

    [Fact]
    [Trait("Attack", "C13")]
    public async Task Claims_with_line_breaks_stay_inside_their_quotes()
    {
        var seen = await FindPeopleAsync(HttpStatusCode.BadRequest, new { error = "interaction_required", claims = "{\"a\":\"x\"}\r\nX-Injected: yes\", evil=\"" });

        Assert.Equal(HttpStatusCode.Unauthorized, seen.Answer.Status);
        Assert.False(seen.Answer.Headers.ContainsKey("X-Injected"));
        Assert.DoesNotContain("evil", seen.Answer.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "C13")]
    public async Task Claims_of_ten_kilobytes_are_no_header()
    {
        var seen = await FindPeopleAsync(HttpStatusCode.BadRequest, new { error = "interaction_required", claims = new string('x', 10_000) });

        Assert.Equal(NotAccepted, seen.Answer.Failure);
        Assert.Equal("exchange error obo_claims_too_large", seen.Rows.Last());
    }

    public static TheoryData<string> Said => [.. Answers.Keys];

    private static object Entra(string error, int code, string? suberror = null) =>
        new { error, suberror, error_description = $"AADSTS{code}: secret detail", error_codes = new[] { code }, correlation_id = Guid.NewGuid() };

    private static object Token(string scope = "", string type = "Bearer", object? expires = null) => new { access_token = "secret", token_type = type, expires_in = expires ?? 300, scope };

    /// <summary>What the issuer says; then the sentence of the failure, or the error of the challenge; and the reason on the record.</summary>
    private static Dictionary<string, (HttpStatusCode Status, object Body, string Outcome, string Reason)> Answers { get; } = new()
    {
        // The person.
        ["no consent"] = (HttpStatusCode.BadRequest, Entra("invalid_grant", 65001, "consent_required"), More, "consent_needed"),
        ["no consent, in OpenID Connect's words"] = (HttpStatusCode.BadRequest, new { error = "consent_required" }, More, "consent_needed"),
        ["another sign-in"] = (HttpStatusCode.BadRequest, Entra("interaction_required", 50076), More, "claims_needed"),
        ["another action"] = (HttpStatusCode.BadRequest, Entra("invalid_grant", 50079, "basic_action"), More, "claims_needed"),
        // The client.
        ["expired"] = (HttpStatusCode.BadRequest, Entra("invalid_grant", 500133), Invalid, "token_refused_by_issuer"),
        ["revoked"] = (HttpStatusCode.BadRequest, Entra("invalid_grant", 50173, "bad_token"), Invalid, "token_refused_by_issuer"),
        ["invalid_grant"] = (HttpStatusCode.BadRequest, new { error = "invalid_grant", error_description = "secret detail" }, Invalid, "token_refused_by_issuer"),
        // The operator.
        ["wrong secret"] = (HttpStatusCode.Unauthorized, Entra("invalid_client", 7000215), NotSetUp, "obo_misconfigured"),
        ["expired proof"] = (HttpStatusCode.Unauthorized, Entra("invalid_client", 700024), NotSetUp, "obo_misconfigured"),
        ["not allowed"] = (HttpStatusCode.BadRequest, Entra("unauthorized_client", 700016), NotSetUp, "obo_misconfigured"),
        ["no such scope"] = (HttpStatusCode.BadRequest, Entra("invalid_scope", 70011), NotSetUp, "obo_misconfigured"),
        ["no such resource"] = (HttpStatusCode.BadRequest, Entra("invalid_resource", 500011), NotSetUp, "obo_misconfigured"),
        ["a token for another application"] = (HttpStatusCode.BadRequest, Entra("invalid_grant", 500131), NotSetUp, "obo_misconfigured"),
        ["an error with a line break"] = (HttpStatusCode.BadRequest, new { error = "bad\r\nerror" }, NotSetUp, "obo_misconfigured"),
        ["wider scopes"] = (HttpStatusCode.OK, Token("User.ReadBasic.All Files.ReadWrite.All"), NotAccepted, "obo_scope_widened"),
        ["one scope more that is listed"] = (HttpStatusCode.OK, Token("User.ReadBasic.All Files.Read"), NotAccepted, "obo_scope_widened"),
        ["a scope of another API"] = (HttpStatusCode.OK, Token("https://evil.example.com/User.ReadBasic.All"), NotAccepted, "obo_scope_widened"),
        ["another type"] = (HttpStatusCode.OK, Token(type: "pop"), NotAccepted, "obo_token_type"),
        ["a day"] = (HttpStatusCode.OK, Token(expires: 86400), NotAccepted, "obo_lives_too_long"),
        ["another audience"] = (HttpStatusCode.OK, Jwt("""{"aud":"https://evil.example.com","scp":"User.ReadBasic.All"}"""), NotAccepted, "obo_audience"),
        // Nobody.
        ["failure"] = (HttpStatusCode.InternalServerError, new { secret = "secret detail" }, TryAgain, "obo_unavailable"),
        ["busy"] = (HttpStatusCode.TooManyRequests, new { error = "secret" }, TryAgain, "obo_unavailable"),
        ["later"] = (HttpStatusCode.BadRequest, Entra("temporarily_unavailable", 90033), TryAgain, "obo_unavailable"),
        ["html"] = (HttpStatusCode.OK, "<html>secret detail</html>", TryAgain, "obo_answer_unreadable"),
        ["html with an error"] = (HttpStatusCode.BadRequest, "<html>secret detail</html>", TryAgain, "obo_answer_unreadable"),
        ["silence"] = (0, "", TryAgain, "obo_unavailable"),
        ["no end"] = (HttpStatusCode.OK, new string('s', 100 * 1024 * 1024), TryAgain, "obo_unavailable"),
        ["no token"] = (HttpStatusCode.OK, new { token_type = "Bearer", expires_in = 300 }, NotAccepted, "obo_token_missing"),
    };

    [Theory]
    [MemberData(nameof(Said))]
    [Trait("Attack", "C02")]
    [Trait("Attack", "C03")]
    public async Task What_an_issuer_says_has_one_exact_outcome_and_never_reaches_the_assistant(string kind)
    {
        var (status, body, outcome, reason) = Answers[kind];

        var seen = await FindPeopleAsync(status, body);

        if (outcome is Invalid or More)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, seen.Answer.Status);
            Assert.StartsWith($"Bearer {outcome}, scope=\"projects:read files:read\", resource_metadata=\"", seen.Answer.Challenge, StringComparison.Ordinal);
            Assert.DoesNotContain("claims=", seen.Answer.Challenge, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(outcome, seen.Answer.Failure);
        }

        Assert.DoesNotContain("secret", seen.Answer.Text + seen.Answer.Challenge, StringComparison.Ordinal);
        Assert.Equal(["decision allow scopes_held", $"exchange {(outcome == More ? "challenge" : outcome == Invalid ? "deny" : "error")} {reason}"], seen.Rows);
        // The issuer was asked once, whatever it said; but a proof of this server that has expired is made anew, once.
        Assert.Equal(status == 0 ? 0 : kind == "expired proof" ? 2 : 1, seen.Exchanges);
        Assert.Equal(outcome is NotSetUp or NotAccepted, seen.Alerts.Any());
        Assert.All(seen.Alerts, alert => Assert.DoesNotContain("secret", alert, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("User.ReadBasic.All Files.Read", null)]
    [InlineData("User.ReadBasic.All openid profile email", null)]
    [InlineData("User.ReadBasic.All Mail.Read", NotAccepted)]
    public async Task Where_the_settings_say_so_a_token_may_have_all_scopes_that_are_listed_and_no_others(string scopes, string? failure)
    {
        var seen = await FindPeopleAsync(HttpStatusCode.OK, Token(scopes), ("Exchange:AcceptedScopes", "Listed"));

        Assert.Equal(failure is null ? "exchange allow exchanged" : "exchange error obo_scope_widened", seen.Rows.ElementAt(1));
    }

    [Fact]
    public async Task Without_settings_for_an_exchange_the_tool_says_so_and_the_operator_is_told()
    {
        await using var server = await Server.StartAsync(services => services.RemoveAll<ITokenExchange>());

        var answer = await server.CallAsync(await server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });

        Assert.Equal(NotSetUp, answer.Failure);
        Assert.Equal("obo_not_configured", server.AuditRows()[^1].GetProperty("reason").GetString());
    }

    private static object Jwt(string claims) => new
    {
        access_token = $"e30.{Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(claims)}.c2lnbmF0dXJl",
        token_type = "Bearer",
        expires_in = 300,
        scope = "User.ReadBasic.All",
    };

    private static async Task<Seen> FindPeopleAsync(HttpStatusCode status, object body, params (string, string)[] settings)
    {
        var (endpoint, log) = (new TokenEndpoint(status, body), new OperatorLog());
        await using var server = await Server.StartAsync(
            services =>
            {
                services.AddHttpClient(IssuerClient.Name).ConfigurePrimaryHttpMessageHandler(() => endpoint);
                services.AddSingleton<ILoggerProvider>(log);
            },
            settings);
        var answer = await server.CallAsync(await server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });
        var rows = server.AuditRows().Select(row => $"{row.GetProperty("kind")} {row.GetProperty("decision")} {row.GetProperty("reason")}").ToList();
        Assert.All(endpoint.Bodies, sent => Assert.DoesNotContain("client_credentials", sent, StringComparison.Ordinal));
        return new Seen(answer, rows, endpoint.Bodies.Count, log.Alerts);
    }

    private sealed record Seen(Answer Answer, IEnumerable<string> Rows, int Exchanges, IEnumerable<string> Alerts);

    private sealed class TokenEndpoint(HttpStatusCode status, object body) : HttpMessageHandler
    {
        public List<string> Bodies { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (status == 0)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            Bodies.Add(request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken));
            return new HttpResponseMessage(status)
            {
                RequestMessage = request,
                Content = body is string text ? new StringContent(text, Encoding.UTF8, "text/html") : new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json"),
            };
        }
    }

    /// <summary>What the operator is alerted to.</summary>
    private sealed class OperatorLog : ILoggerProvider, ILogger
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Alerts { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == Exchange.Alert.Id && logLevel == LogLevel.Error)
            {
                Alerts.Enqueue(formatter(state, exception) + exception);
            }
        }

        public void Dispose()
        {
        }
    }
}
