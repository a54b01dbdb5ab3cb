using System.Net;
using System.Text;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>What an issuer can say to an exchange. Only its token endpoint is played; the rest is the real way.</summary>
public sealed class ExchangeTests
{
    private const string Claims = """{"access_token":{"acrs":{"essential":true,"value":"c1"}}}""";

    [Fact]
    public async Task An_issuer_that_asks_for_more_is_a_401_with_its_claims_before_anything_is_answered()
    {
        var (answer, rows, exchanges) = await FindPeopleAsync(HttpStatusCode.BadRequest, new { error = "interaction_required", error_description = "AADSTS50079: more is needed, see C:\\secret", claims = Claims });

        Assert.Equal((HttpStatusCode.Unauthorized, 401), (answer.Status, answer.ErrorCode));
        Assert.StartsWith("Bearer error=\"insufficient_claims\", scope=\"projects:read files:read\", resource_metadata=\"", answer.Challenge, StringComparison.Ordinal);
        Assert.EndsWith($"claims=\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(Claims))}\"", answer.Challenge, StringComparison.Ordinal);
        Assert.DoesNotContain("AADSTS", answer.Text, StringComparison.Ordinal);
        Assert.Equal(1, exchanges);
        Assert.Equal(["decision allow scopes_held", "exchange challenge claims_needed"], rows);
    }

    [Fact]
    public async Task Claims_with_line_breaks_stay_inside_their_quotes()
    {
        var (answer, _, _) = await FindPeopleAsync(HttpStatusCode.BadRequest, new { error = "interaction_required", claims = "{\"a\":\"x\"}\r\nX-Injected: yes\", evil=\"" });

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.False(answer.Headers.ContainsKey("X-Injected"));
        Assert.DoesNotContain("evil", answer.Challenge, StringComparison.Ordinal);
    }

    public static TheoryData<string> Refused => [.. Answers.Keys];

    private static Dictionary<string, (HttpStatusCode Status, object Body)> Answers { get; } = new()
    {
        ["invalid_grant"] = (HttpStatusCode.BadRequest, new { error = "invalid_grant", error_description = "secret detail" }),
        ["consent_required"] = (HttpStatusCode.BadRequest, new { error = "invalid_grant", suberror = "consent_required", error_description = "secret detail" }),
        ["invalid_client"] = (HttpStatusCode.Unauthorized, new { error = "invalid_client", error_description = "secret detail" }),
        ["failure"] = (HttpStatusCode.InternalServerError, new { secret = "secret detail" }),
        ["html"] = (HttpStatusCode.OK, "<html>secret detail</html>"),
        ["silence"] = (0, ""),
        ["no token"] = (HttpStatusCode.OK, new { token_type = "Bearer", expires_in = 300 }),
        ["wider scopes"] = (HttpStatusCode.OK, new { access_token = "t", token_type = "Bearer", expires_in = 300, scope = "User.ReadBasic.All Files.ReadWrite.All" }),
        ["another type"] = (HttpStatusCode.OK, new { access_token = "t", token_type = "pop", expires_in = 300, scope = "" }),
        ["a day"] = (HttpStatusCode.OK, new { access_token = "t", token_type = "Bearer", expires_in = 86400, scope = "" }),
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_is_not_the_token_that_was_asked_for_is_a_plain_failure_on_the_record(string kind)
    {
        var (answer, rows, _) = await FindPeopleAsync(Answers[kind].Status, Answers[kind].Body);

        Assert.Equal("The downstream service could not be reached on your behalf. Try again in a minute.", answer.Failure);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        Assert.Equal(["decision allow scopes_held", "exchange error exchange_failed"], rows);
    }

    private static async Task<(Answer Answer, IEnumerable<string> Rows, int Exchanges)> FindPeopleAsync(HttpStatusCode status, object body)
    {
        var endpoint = new TokenEndpoint(status, body);
        await using var server = await Server.StartAsync(services =>
            services.AddHttpClient(Options.DefaultName).ConfigurePrimaryHttpMessageHandler(() => endpoint));
        var answer = await server.CallAsync(await server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });
        var rows = server.AuditRows().Select(row => $"{row.GetProperty("kind")} {row.GetProperty("decision")} {row.GetProperty("reason")}").ToList();
        Assert.All(endpoint.Bodies, sent => Assert.DoesNotContain("client_credentials", sent, StringComparison.Ordinal));
        return (answer, rows, endpoint.Bodies.Count);
    }

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
}
