using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>RFC 8693, at an issuer that takes down what it is asked and gives tokens that the stand-in for Graph takes.</summary>
public sealed class TokenExchangeTests : IAsyncLifetime
{
    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";

    private readonly List<(Dictionary<string, string> Form, string Authorization)> _asked = [];
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string _keyFile = Path.Combine(Path.GetTempPath(), $"mcp-files-key-{Guid.NewGuid():n}.pem");
    private TestIssuer _issuer = null!;
    private Server _server = null!;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(_keyFile, _key.ExportPkcs8PrivateKeyPem());
        _issuer = await TestIssuer.StartAsync();
        _issuer.Exchange = http => AnswerAsync(http, StatusCodes.Status200OK, Answer());
        _server = await StartAsync(("Exchange:Issuer", _issuer.Authority), ("Exchange:KeyFile", _keyFile));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _issuer.DisposeAsync();
        _key.Dispose();
        File.Delete(_keyFile);
    }

    [Fact]
    public async Task The_callers_token_is_the_subject_and_the_server_proves_itself_with_its_key()
    {
        var token = await _server.Tokens.OfAsync("alice", "people:read");

        var answer = await _server.CallAsync(token, "find_people", new { query = "al" });

        Assert.Equal(Tokens.Alice, answer.Structured.GetProperty("people")[0].GetProperty("id").GetString());
        var (form, authorization) = Assert.Single(_asked);
        Assert.Equal("", authorization);
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
                ["subject_token"] = token,
                ["subject_token_type"] = AccessToken,
                ["requested_token_type"] = AccessToken,
                ["resource"] = $"{_server.Provider}graph",
                ["scope"] = $"{_server.Provider}graph/User.ReadBasic.All",
                ["client_id"] = "mcp-files-server",
                ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ["client_assertion"] = form["client_assertion"],
            }.OrderBy(pair => pair.Key),
            form.OrderBy(pair => pair.Key));
        await AssertIsProofAsync(form["client_assertion"]);
        Assert.Equal(["decision allow scopes_held", "exchange allow exchanged"], Rows());
    }

    [Fact]
    public async Task Every_call_is_an_exchange_and_a_proof_of_its_own()
    {
        var token = await _server.Tokens.OfAsync("alice", "people:read");

        await _server.CallAsync(token, "find_people", new { query = "al" });
        await _server.CallAsync(token, "find_people", new { query = "al" });

        Assert.Equal(2, _asked.Count);
        Assert.NotEqual(_asked[0].Form["client_assertion"], _asked[1].Form["client_assertion"]);
    }

    [Fact]
    public async Task In_Development_a_secret_can_stand_for_the_key_and_goes_in_the_header()
    {
        await using var server = await StartAsync(("Exchange:ClientSecret", "a:b%"));

        await server.CallAsync(await server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });

        var (form, authorization) = Assert.Single(_asked);
        Assert.Equal($"Basic {Convert.ToBase64String("mcp-files-server:a%3Ab%25"u8)}", authorization);
        Assert.DoesNotContain("client_assertion", form.Keys);
    }

    [Fact]
    [Trait("Attack", "C12")]
    public async Task Actors_that_a_token_claims_to_have_change_nothing()
    {
        var nested = new JsonObject { ["sub"] = "admin", ["act"] = new JsonObject { ["sub"] = "root", ["scope"] = "files:delete" } };
        var plain = _server.Tokens.Forge(claims => claims["scope"] = "people:read");
        var forged = _server.Tokens.Forge(claims => (claims["scope"], claims["act"], claims["may_act"]) = ("people:read", nested.DeepClone(), nested));

        var first = await _server.CallAsync(plain, "find_people", new { query = "al" });
        var second = await _server.CallAsync(forged, "find_people", new { query = "al" });
        var third = await _server.CallAsync(forged, "delete_file", new { project = "welcome", path = "readme.md" });

        Assert.Equal(first.Content, second.Content);
        Assert.Equal(HttpStatusCode.Forbidden, third.Status);
        Assert.Equal(Without(_asked[0].Form), Without(_asked[1].Form));
        Assert.Equal(forged, _asked[1].Form["subject_token"]);
        Assert.Equal([Tokens.Alice], _server.AuditRows().Select(row => row.GetProperty("subject").GetString()).Distinct());

        static IEnumerable<KeyValuePair<string, string>> Without(Dictionary<string, string> form) =>
            form.Where(pair => pair.Key is not ("subject_token" or "client_assertion")).OrderBy(pair => pair.Key);
    }

    public static TheoryData<string> Said => [.. Answers.Keys];

    private static Dictionary<string, (int Status, Action<JsonObject> Change, string Reason)> Answers { get; } = new()
    {
        ["another issued type"] = (200, answer => answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:refresh_token", "obo_issued_type"),
        ["no issued type"] = (200, answer => answer.Remove("issued_token_type"), "obo_issued_type"),
        ["another token type"] = (200, answer => answer["token_type"] = "N_A", "obo_token_type"),
        ["no token type"] = (200, answer => answer.Remove("token_type"), "obo_token_type"),
        ["no lifetime"] = (200, answer => answer.Remove("expires_in"), "obo_lives_too_long"),
        ["a lifetime as text"] = (200, answer => answer["expires_in"] = "300", "obo_lives_too_long"),
        ["an hour"] = (200, answer => answer["expires_in"] = 3600, "obo_lives_too_long"),
        ["wider"] = (200, answer => answer["scope"] = "User.ReadBasic.All User.Read.All", "obo_scope_widened"),
        ["scopes as a list"] = (200, answer => answer["scope"] = new JsonArray("User.ReadBasic.All"), "obo_answer_unreadable"),
        ["no token"] = (200, answer => answer.Remove("access_token"), "obo_answer_unreadable"),
        ["an empty token"] = (200, answer => answer["access_token"] = "", "obo_token_missing"),
        ["an unreadable token"] = (200, answer => answer["access_token"] = "a.b.c", "obo_audience"),
        ["a token that is not to be read"] = (200, answer => answer["access_token"] = "opaque", "exchanged"),
        ["no scopes, which means those that were asked for"] = (200, answer => answer.Remove("scope"), "exchanged"),
        ["the subject token is not taken"] = (400, answer => answer["error"] = "invalid_request", "token_refused_by_issuer"),
        ["the grant is not taken"] = (400, answer => answer["error"] = "invalid_grant", "token_refused_by_issuer"),
        ["the target is not known"] = (400, answer => answer["error"] = "invalid_target", "obo_misconfigured"),
        ["the server is not known"] = (401, answer => answer["error"] = "invalid_client", "obo_misconfigured"),
        ["more is needed"] = (400, answer => answer["error"] = "insufficient_user_authentication", "claims_needed"),
    };

    [Theory]
    [MemberData(nameof(Said))]
    public async Task What_the_issuer_says_has_one_outcome(string kind)
    {
        var (status, change, reason) = Answers[kind];
        _issuer.Exchange = http => AnswerAsync(http, status, Answer(change));

        var answer = await _server.CallAsync(await _server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });

        Assert.EndsWith($" {reason}", Rows().ElementAt(1), StringComparison.Ordinal);
        Assert.Equal(reason is "token_refused_by_issuer" or "claims_needed" ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, answer.Status);
        Assert.Single(_asked);
    }

    [Fact]
    public async Task A_token_for_another_audience_is_refused_whatever_the_answer_says()
    {
        _issuer.Exchange = http => AnswerAsync(http, StatusCodes.Status200OK, Answer(answer => answer["access_token"] = _server.Tokens.Forge()));

        var answer = await _server.CallAsync(await _server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });

        Assert.True(answer.IsError);
        Assert.Equal("exchange error obo_audience", Rows().Last());
    }

    [Fact]
    public async Task A_redirect_is_not_followed_with_the_token()
    {
        var elsewhere = 0;
        _issuer.Exchange = http =>
        {
            http.Response.Redirect($"{_issuer.Url}/introspect", permanent: false, preserveMethod: true);
            return Task.CompletedTask;
        };
        _issuer.Introspect = _ => Task.FromResult(elsewhere++);

        var answer = await _server.CallAsync(await _server.Tokens.OfAsync("alice", "people:read"), "find_people", new { query = "al" });

        Assert.Equal("The downstream service could not be reached on your behalf. Try again in a minute.", answer.Failure);
        Assert.Equal(0, elsewhere);
    }

    private Task<Server> StartAsync(params (string, string)[] settings) => Server.StartAsync(
        settings: [("Exchange:Grant", "TokenExchange"), ("Exchange:TokenEndpoint", $"{_issuer.Url}/token"), .. settings]);

    private IEnumerable<string> Rows() => _server.AuditRows().Select(row => $"{row.GetProperty("kind")} {row.GetProperty("decision")} {row.GetProperty("reason")}");

    private async Task AssertIsProofAsync(string assertion)
    {
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(assertion, new TokenValidationParameters
        {
            IssuerSigningKey = new ECDsaSecurityKey(_key),
            ValidIssuer = "mcp-files-server",
            ValidAudience = _issuer.Authority,
            ValidAlgorithms = ["ES256"],
        });
        Assert.True(result.IsValid, result.Exception?.Message);
        var proof = (JsonWebToken)result.SecurityToken;
        Assert.Equal([_issuer.Authority], proof.Audiences);
        Assert.Equal("mcp-files-server", proof.Subject);
        Assert.InRange((proof.ValidTo - proof.IssuedAt).TotalSeconds, 1, 60);
        Assert.True(Guid.TryParse(proof.Id, out _));
    }

    private JsonObject Answer(Action<JsonObject>? change = null)
    {
        var answer = new JsonObject
        {
            ["access_token"] = _server.Tokens.Forge(claims => (claims["aud"], claims["scope"], claims["scp"], claims["azp"]) = ($"{_server.Provider}graph", "User.ReadBasic.All", "User.ReadBasic.All", "x")),
            ["issued_token_type"] = AccessToken,
            ["token_type"] = "Bearer",
            ["expires_in"] = 300,
            ["scope"] = "User.ReadBasic.All",
            ["refresh_token"] = "nobody asked for it",
        };
        change?.Invoke(answer);
        return answer;
    }

    private async Task AnswerAsync(HttpContext http, int status, JsonObject answer)
    {
        var form = await http.Request.ReadFormAsync();
        lock (_asked)
        {
            _asked.Add((form.ToDictionary(field => field.Key, field => field.Value.ToString()), http.Request.Headers.Authorization.ToString()));
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(JsonSerializer.Serialize(answer));
    }
}
