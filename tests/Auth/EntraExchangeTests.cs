using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>
/// The exchange at Entra ID, played as its documentation and its quirks have it: discovery, keys, the token endpoint with the form of its errors, and Graph
/// behind it. The server knows it by settings alone, and as <c>login.microsoftonline.com</c>.
/// </summary>
public sealed class EntraExchangeTests : IAsyncLifetime
{
    private const string Tenant = "0a7b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d";
    private const string Application = "2c9d3e4f-5a6b-4c7d-8e8f-9a0b1c2d3e4f";
    private const string Person = "5e6f7a8b-9c0d-4e1f-8a2b-3c4d5e6f7a8b";
    private const string Scope = "https://graph.microsoft.com/User.ReadBasic.All";
    private const string TokenPath = $"/{Tenant}/oauth2/v2.0/token";

    private readonly WireMockServer _entra = WireMockServer.Start();
    private readonly RSA _key = RSA.Create(2048);
    private readonly string _certificate = Path.Combine(Path.GetTempPath(), $"mcp-files-certificate-{Guid.NewGuid():n}.pfx");

    public async ValueTask InitializeAsync()
    {
        using var certificate = new CertificateRequest("CN=mcp-files-server", _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1));
        await File.WriteAllBytesAsync(_certificate, certificate.Export(X509ContentType.Pfx));
        Answers("/common/discovery/instance", new JsonObject
        {
            ["tenant_discovery_endpoint"] = $"https://login.microsoftonline.com/{Tenant}/v2.0/.well-known/openid-configuration",
            ["api-version"] = "1.1",
            ["metadata"] = new JsonArray(new JsonObject
            {
                ["preferred_network"] = "login.microsoftonline.com",
                ["preferred_cache"] = "login.windows.net",
                ["aliases"] = new JsonArray("login.microsoftonline.com", "login.windows.net"),
            }),
        });
        Answers($"/{Tenant}/v2.0/.well-known/openid-configuration", new JsonObject { ["issuer"] = $"{_entra.Url}/{Tenant}/v2.0", ["jwks_uri"] = $"{_entra.Url}/keys" });
        var key = _key.ExportParameters(includePrivateParameters: false);
        Answers("/keys", new JsonObject
        {
            ["keys"] = new JsonArray(new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = "k1", ["n"] = Base64UrlEncoder.Encode(key.Modulus), ["e"] = Base64UrlEncoder.Encode(key.Exponent) }),
        });
        Answers("/v1.0/users", new JsonObject { ["value"] = new JsonArray(new JsonObject { ["id"] = Person, ["displayName"] = "Adele Vance" }) });
        Gives($"email openid profile {Scope} https://graph.microsoft.com/Files.Read", 4711);
    }

    public ValueTask DisposeAsync()
    {
        _entra.Dispose();
        _key.Dispose();
        File.Delete(_certificate);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_person_of_the_tenant_is_exchanged_there_with_a_certificate_and_nothing_on_the_side()
    {
        await using var server = await StartAsync();
        var (token, trace) = (Token(), "4bf92f3577b34da6a3ce929d0e0e4736");

        var answer = await server.SendAsync(
            token, Message.Call("find_people", new { query = "al" }).WithHeader("traceparent", $"00-{trace}-00f067aa0ba902b7-01").WithHeader("baggage", "of=a-client"));

        Assert.Equal(Person, answer.Structured.GetProperty("people")[0].GetProperty("id").GetString());
        var asked = Assert.Single(_entra.LogEntries, entry => entry.RequestMessage!.Path == TokenPath).RequestMessage!;
        var form = asked.Body!.Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => WebUtility.UrlDecode(pair[1]));
        Assert.Equal((token, "on_behalf_of", Scope, Application), (form["assertion"], form["requested_token_use"], form["scope"], form["client_id"]));
        Assert.Equal("urn:ietf:params:oauth:grant-type:jwt-bearer", form["grant_type"]);
        Assert.Empty(form.Keys.Intersect(["resource", "client_secret", "claims", "refresh_token"]));
        var proof = new JsonWebToken(form["client_assertion"]);
        Assert.Equal((Application, Application), (proof.Issuer, proof.Subject));

        // One trace through all of it, and nothing else that the client sent along.
        var rows = server.AuditRows();
        var graph = Assert.Single(_entra.LogEntries, entry => entry.RequestMessage!.Path == "/v1.0/users").RequestMessage!;
        Assert.Equal("Bearer a-token-for-Graph", graph.Headers!["Authorization"].ToString());
        Assert.Contains(trace, graph.Headers["traceparent"].ToString(), StringComparison.Ordinal);
        Assert.Contains(trace, asked.Headers!["traceparent"].ToString(), StringComparison.Ordinal);
        Assert.Equal(Guid.ParseExact(trace, "N").ToString(), asked.Headers["client-request-id"].ToString());
        Assert.DoesNotContain("baggage", graph.Headers.Keys.Concat(asked.Headers.Keys), StringComparer.OrdinalIgnoreCase);
        Assert.All(rows, row => Assert.Equal((trace, Person), (row.GetProperty("client_trace_id").GetString(), row.GetProperty("subject").GetString())));
        Assert.Equal(Caller.HashOf("a-token-for-Graph"), rows[1].GetProperty("exchanged_token_id").GetString());
    }

    [Theory]
    [InlineData("Asked", "01:30:00", "obo_scope_widened")]
    [InlineData("Listed", "00:05:00", "obo_lives_too_long")]
    [InlineData("Listed", "01:30:00", "exchanged")]
    public async Task What_Entra_gives_of_its_own_accord_is_taken_where_the_settings_say_so(string scopes, string lifetime, string reason)
    {
        await using var server = await StartAsync(("Exchange:AcceptedScopes", scopes), ("Exchange:MaxTokenLifetime", lifetime));

        await server.CallAsync(Token(), "find_people", new { query = "al" });

        Assert.Equal(reason, server.AuditRows()[1].GetProperty("reason").GetString());
    }

    private const string Claims = """{"access_token":{"capolids":{"essential":true,"values":["1b1f"]}}}""";

    [Theory]
    [InlineData(65001, "invalid_grant", "consent_required", null, "consent_needed", HttpStatusCode.Unauthorized)]
    [InlineData(50076, "interaction_required", null, "claims", "claims_needed", HttpStatusCode.Unauthorized)]
    [InlineData(50079, "invalid_grant", "basic_action", "claims", "claims_needed", HttpStatusCode.Unauthorized)]
    [InlineData(53003, "interaction_required", "message_only", null, "claims_needed", HttpStatusCode.Unauthorized)]
    [InlineData(500133, "invalid_grant", null, null, "token_refused_by_issuer", HttpStatusCode.Unauthorized)]
    [InlineData(50173, "invalid_grant", "bad_token", null, "token_refused_by_issuer", HttpStatusCode.Unauthorized)]
    [InlineData(500131, "invalid_grant", null, null, "obo_misconfigured", HttpStatusCode.OK)]
    [InlineData(700027, "invalid_client", null, null, "obo_misconfigured", HttpStatusCode.OK)]
    [InlineData(700016, "unauthorized_client", null, null, "obo_misconfigured", HttpStatusCode.OK)]
    [InlineData(70011, "invalid_scope", null, null, "obo_misconfigured", HttpStatusCode.OK)]
    [InlineData(90033, "temporarily_unavailable", null, null, "obo_unavailable", HttpStatusCode.OK)]
    public async Task Each_of_Entras_errors_is_for_who_can_do_something_about_it(int code, string error, string? suberror, string? claims, string reason, HttpStatusCode status)
    {
        await using var server = await StartAsync();
        _entra.Given(Request.Create().WithPath(TokenPath)).AtPriority(-1).RespondWith(Response.Create().WithStatusCode(error == "invalid_client" ? 401 : 400).WithBody(new JsonObject
        {
            ["error"] = error,
            ["error_description"] = $"AADSTS{code}: Something about adele@example.com. Trace ID: 1 Correlation ID: 2",
            ["error_codes"] = new JsonArray(code),
            ["timestamp"] = "2026-11-23 11:00:00Z",
            ["trace_id"] = Guid.NewGuid().ToString(),
            ["correlation_id"] = Guid.NewGuid().ToString(),
            ["error_uri"] = $"https://login.microsoftonline.com/error?code={code}",
            ["suberror"] = suberror,
            ["claims"] = claims is null ? null : Claims,
        }.ToJsonString()).WithHeader("Content-Type", "application/json; charset=utf-8"));

        var answer = await server.CallAsync(Token(), "find_people", new { query = "al" });

        Assert.Equal(status, answer.Status);
        var row = server.AuditRows()[^1];
        Assert.Equal(reason, row.GetProperty("reason").GetString());
        Assert.Equal($"{error} AADSTS{code}", row.GetProperty("detail").GetString());
        Assert.DoesNotContain("adele", answer.Text + answer.Challenge + row.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(claims is not null, answer.Challenge.Contains(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Claims)), StringComparison.Ordinal));
        Assert.DoesNotContain(_entra.LogEntries, entry => entry.RequestMessage!.Path == "/v1.0/users");
    }

    [Fact]
    public async Task A_tenant_in_the_callers_token_is_not_where_it_is_exchanged()
    {
        const string Other = "1b8c2d3e-4f5a-4b6c-9d7e-8f9a0b1c2d3e";
        Answers($"/{Other}/v2.0/.well-known/openid-configuration", new JsonObject { ["issuer"] = $"{_entra.Url}/{Other}/v2.0", ["jwks_uri"] = $"{_entra.Url}/keys" });
        await using var server = await StartAsync(("Auth:Issuers:0:Authority", $"{_entra.Url}/{Tenant}/v2.0"), ("Auth:Issuers:0:AllowedTenants:1", Other));

        await server.CallAsync(Token(claims => (claims["tid"], claims["iss"]) = (Other, $"{_entra.Url}/{Other}/v2.0")), "find_people", new { query = "al" });

        Assert.DoesNotContain(_entra.LogEntries, entry => entry.RequestMessage!.Path.Contains(Other, StringComparison.Ordinal));
        Assert.Contains(_entra.LogEntries, entry => entry.RequestMessage!.Path == TokenPath);
    }

    private Task<Server> StartAsync(params (string Key, string Value)[] settings) => Server.StartAsync(
        services =>
        {
            services.AddHttpClient(IssuerClient.Name).AddHttpMessageHandler(() => new Elsewhere(new Uri(_entra.Url!)));
            // As everywhere but in tests, somebody reads the log: without a reader there are no traces.
            services.AddSingleton<ILoggerProvider, Reader>();
        },
        [
            .. settings,
            .. ((string, string)[])
            [
                ("Auth:Issuers:0:Authority", $"{_entra.Url}/{Tenant}/v2.0"), ("Auth:Issuers:0:Profile", "Entra"), ("Auth:Issuers:0:Audience", Application), ("Auth:Issuers:0:AllowedTenants:0", Tenant),
                ("Auth:Issuers:0:ScopePrefix", "https://files.example.com/mcp/"),
                ("Obo:Instance", "https://login.microsoftonline.com/"), ("Obo:TenantId", Tenant), ("Obo:ClientId", Application),
                ("Obo:ClientCredentials:0:SourceType", "Path"), ("Obo:ClientCredentials:0:CertificateDiskPath", _certificate),
                ("Exchange:AcceptedScopes", "Listed"), ("Exchange:MaxTokenLifetime", "01:30:00"), ("Graph:BaseUrl", $"{_entra.Url}/v1.0"),
            ],
        ]);

    private void Answers(string path, JsonObject body) => _entra.Given(Request.Create().WithPath(path))
        .RespondWith(Response.Create().WithStatusCode(200).WithHeader("Content-Type", "application/json").WithBody(body.ToJsonString()));

    private void Gives(string scopes, int seconds) => Answers(TokenPath, new JsonObject
    {
        ["token_type"] = "Bearer",
        ["scope"] = scopes,
        ["expires_in"] = seconds,
        ["ext_expires_in"] = seconds,
        ["access_token"] = "a-token-for-Graph",
    });

    /// <summary>As Entra makes them: back-dated by five minutes, for fifteen in all, with a pairwise <c>sub</c>.</summary>
    private string Token(Action<JsonObject>? change = null)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["aud"] = Application,
            ["iss"] = $"{_entra.Url}/{Tenant}/v2.0",
            ["iat"] = now - 300,
            ["nbf"] = now - 300,
            ["exp"] = now + 600,
            ["azp"] = "the-client",
            ["azpacr"] = "0",
            ["name"] = "Adele Vance",
            ["oid"] = Person,
            ["scp"] = "people:read",
            ["sub"] = "pairwise",
            ["tid"] = Tenant,
            ["uti"] = Guid.NewGuid().ToString("n"),
            ["ver"] = "2.0",
        };
        change?.Invoke(claims);
        return Tokens.Sign("""{"alg":"RS256","typ":"JWT","kid":"k1"}""", claims.ToJsonString(), _key);
    }

    private sealed class Reader : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Takes requests for Entra to where it is played. Those for anywhere else are a fault of the test.</summary>
    private sealed class Elsewhere(Uri there) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("login.microsoftonline.com", request.RequestUri!.Host);
            request.RequestUri = new Uri(there, request.RequestUri.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
