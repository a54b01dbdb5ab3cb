using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>A provider that nobody here wrote, as the only issuer: everything that a person meets works by settings alone.</summary>
public sealed partial class ThirdPartyProviderTests : IDisposable
{
    private const string GraphName = "https://graph.example.com/";

    private readonly ConcurrentQueue<string> _bearers = new();
    private readonly RSA _key = RSA.Create(2048);
    private readonly string _keyFile = Path.Combine(Path.GetTempPath(), $"mcp-files-key-{Guid.NewGuid():n}.pem");
    private readonly HttpClient _browser = new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });
    private readonly Uri _redirect = new($"http://127.0.0.1:{Server.FreePort()}/callback");

    [Fact]
    public async Task Sign_in_call_step_up_and_exchange_work_with_another_provider_by_settings_alone()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await File.WriteAllTextAsync(_keyFile, _key.ExportPkcs8PrivateKeyPem(), limit.Token);
        await using var graph = await TestIssuer.StartAsync();
        graph.Instead = http =>
        {
            _bearers.Enqueue(http.Request.Headers.Authorization.ToString());
            return http.Response.WriteAsJsonAsync(new { value = (object[])[new { id = "alice", displayName = "Alice Archer" }] });
        };
        var issuer = $"http://localhost:{Server.FreePort()}";
        await using var server = new Server(
        [
            ("Auth:Issuers:0:Authority", issuer), ("Obo:ClientId", "files"),
            ("Exchange:Grant", "TokenExchange"), ("Exchange:TokenEndpoint", $"{issuer}/token"), ("Exchange:Issuer", issuer), ("Exchange:KeyFile", _keyFile), ("Exchange:KeyId", "files"),
            ("Graph:BaseUrl", $"{graph.Url}/v1.0"), ("Graph:Audience", GraphName),
            ("Graph:Scopes:0", "User.ReadBasic.All"), ("Graph:Scopes:1", "Files.Read"), ("Graph:Scopes:2", "Files.ReadWrite"),
        ]);
        await using var provider = await NodeClients.StartProviderAsync(
            limit.Token, new Uri(issuer).Port.ToString(System.Globalization.CultureInfo.InvariantCulture), server.Resource, string.Join(' ', Scopes.InWords.Keys), GraphName, "User.ReadBasic.All Files.Read Files.ReadWrite", _redirect.AbsoluteUri, PublicKey());
        await server.InitializeAsync();

        await using var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(server.Resource),
            OAuth = new ClientOAuthOptions { ClientId = "assistant", RedirectUri = _redirect, AuthorizationCallbackHandler = SignInAsync },
        });
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: limit.Token);
        var projects = await client.CallToolAsync("list_projects", cancellationToken: limit.Token);
        var people = await client.CallToolAsync("find_people", new Dictionary<string, object?> { ["query"] = "al" }, cancellationToken: limit.Token);

        Assert.NotEqual(true, projects.IsError);
        Assert.True(people.IsError is not true, provider.Log);
        Assert.Equal("alice", people.StructuredContent!.Value.GetProperty("people")[0].GetProperty("id").GetString());
        Assert.Equal(
            ["list_projects allow scopes_held", "find_people challenge scope_missing", "find_people allow scopes_held", "find_people allow exchanged"],
            server.AuditRows().Where(row => row.GetProperty("target").GetString() is not null)
                .Select(row => $"{row.GetProperty("target")} {row.GetProperty("decision")} {row.GetProperty("reason")}"));
        await AssertIsForGraphAsync(issuer, Assert.Single(_bearers)["Bearer ".Length..]);
    }

    public void Dispose()
    {
        _browser.Dispose();
        _key.Dispose();
        File.Delete(_keyFile);
    }

    private string PublicKey()
    {
        var key = _key.ExportParameters(includePrivateParameters: false);
        return JsonSerializer.Serialize(new { kty = "RSA", use = "sig", alg = "RS256", kid = "files", n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) });
    }

    /// <summary>The provider's own signature, on a token of alice for Graph with the one scope.</summary>
    private async Task AssertIsForGraphAsync(string issuer, string token)
    {
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = issuer,
            ValidAudience = GraphName,
            IssuerSigningKeys = new JsonWebKeySet(await _browser.GetStringAsync($"{issuer}/jwks")).GetSigningKeys(),
        });
        Assert.True(result.IsValid, result.Exception?.Message);
        Assert.Equal(("alice", "files", "User.ReadBasic.All"), ((string)result.Claims["sub"], (string)result.Claims["client_id"], (string)result.Claims["scope"]));
    }

    /// <summary>Fills in whatever form the provider shows, until it sends the browser back to the client.</summary>
    private async Task<AuthorizationResult?> SignInAsync(AuthorizationCallbackContext context, CancellationToken cancellationToken)
    {
        var response = await _browser.GetAsync(context.AuthorizationUri, cancellationToken);
        for (var step = 0; step < 20; step++)
        {
            var at = response.RequestMessage!.RequestUri!;
            if (response.Headers.Location is { } location)
            {
                var next = new Uri(at, location);
                if (next.AbsoluteUri.StartsWith($"{_redirect.AbsoluteUri}?", StringComparison.Ordinal))
                {
                    var answer = ScriptedBrowser.Parameters(next);
                    return new AuthorizationResult { Code = answer.GetValueOrDefault("code"), State = answer["state"], Iss = answer.GetValueOrDefault("iss") };
                }

                response = await _browser.GetAsync(next, cancellationToken);
                continue;
            }

            var html = await response.Content.ReadAsStringAsync(cancellationToken);
            Assert.True(Form().IsMatch(html), $"{at}: {html}");
            using var fields = new FormUrlEncodedContent(
                [.. Hidden().Matches(html).Select(field => KeyValuePair.Create(field.Groups[1].Value, field.Groups[2].Value)), new("login", "alice"), new("password", "any")]);
            response = await _browser.PostAsync(new Uri(at, Form().Match(html).Groups[1].Value), fields, cancellationToken);
        }

        throw new InvalidOperationException("The provider goes on asking.");
    }

    [GeneratedRegex("""<form[^>]* action="([^"]*)"[^>]* method="post">""")]
    private static partial Regex Form();

    [GeneratedRegex("""<input type="hidden" name="([^"]*)" value="([^"]*)"\s*/>""")]
    private static partial Regex Hidden();
}
