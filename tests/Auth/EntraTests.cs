using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Access tokens as Microsoft Entra ID makes them, from an issuer that does as Entra does.</summary>
public sealed class EntraTests : IAsyncLifetime
{
    private const string Tenant = "0a7b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d";
    private const string OtherTenant = "1b8c2d3e-4f5a-4b6c-9d7e-8f9a0b1c2d3e";
    private const string Audience = "2c9d3e4f-5a6b-4c7d-8e8f-9a0b1c2d3e4f";

    private TestIssuer _issuer = null!;
    private Server _server = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync("/organizations/v2.0");
        _issuer.Name = $"{_issuer.Url}/{{tenantid}}/v2.0";
        _server = await Server.StartAsync(settings:
        [
            ("Auth:Issuers:1:Authority", _issuer.Authority), ("Auth:Issuers:1:Profile", "Entra"), ("Auth:Issuers:1:Audience", Audience),
            ("Auth:Issuers:1:AllowedTenants:0", Tenant), ("Auth:Issuers:1:ScopePrefix", "https://files.example.com/mcp/"),
        ]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task A_delegated_token_of_an_allowed_tenant_is_accepted_and_its_subject_is_the_oid()
    {
        var answer = await _server.CallAsync(Token(), "list_projects", new { });

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var row = _server.AuditRows()[^1];
        Assert.Equal("the-oid", row.GetProperty("subject").GetString());
        Assert.Equal($"{_issuer.Url}/{Tenant}/v2.0", row.GetProperty("issuer").GetString());
        Assert.Equal("the-client", row.GetProperty("client").GetString());
    }

    [Fact]
    public async Task A_challenge_asks_for_scopes_with_the_issuers_prefix_and_the_check_does_not()
    {
        var answer = await _server.CallAsync(Token(), "create_project", new { title = "x" });

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Contains("scope=\"https://files.example.com/mcp/projects:write\"", answer.Challenge, StringComparison.Ordinal);
    }

    public static TheoryData<string> Faults => [.. Bad.Keys];

    private static Dictionary<string, Action<JsonObject>> Bad { get; } = new()
    {
        ["another tenant"] = claims => claims["tid"] = OtherTenant,
        ["a tenant that differs from the issuer"] = claims => claims["iss"] = claims["iss"]!.GetValue<string>().Replace(Tenant, OtherTenant, StringComparison.Ordinal),
        ["an ID token"] = claims => claims["nonce"] = "n",
        ["an ID token without a nonce"] = claims => claims.Remove("scp"),
        ["version 1"] = claims => claims["ver"] = "1.0",
        ["no version"] = claims => claims.Remove("ver"),
        ["no oid"] = claims => claims.Remove("oid"),
        ["no tid"] = claims => claims.Remove("tid"),
        ["no azp"] = claims => claims.Remove("azp"),
        ["no uti"] = claims => claims.Remove("uti"),
        ["the resource as audience"] = claims => claims["aud"] = "https://graph.microsoft.com",
        ["an hour"] = claims => claims["exp"] = claims["iat"]!.GetValue<long>() + 3900,
        ["scp as a list"] = claims => claims["scp"] = new JsonArray("projects:read"),
        ["sender-constrained"] = claims => claims["cnf"] = new JsonObject { ["jkt"] = "x" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_token_that_is_not_what_Entra_makes_for_this_server_is_refused(string fault)
    {
        var answer = await _server.SendAsync(Token(Bad[fault]), Message.List());

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Contains("error=\"invalid_token\"", answer.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_access_token_type_of_RFC_9068_is_none_of_Entras()
    {
        var answer = await _server.SendAsync(Token(header: header => header["typ"] = "at+jwt"), Message.List());

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
    }

    [Theory]
    [InlineData("idtyp")]
    [InlineData("roles")]
    public async Task An_application_alone_is_refused_without_a_challenge(string kind)
    {
        var answer = await _server.SendAsync(
            Token(claims =>
            {
                if (kind == "idtyp")
                {
                    claims["idtyp"] = "app";
                }
                else
                {
                    claims.Remove("scp");
                    claims["roles"] = new JsonArray("Files.All");
                }
            }),
            Message.List());

        Assert.Equal((HttpStatusCode.Forbidden, ""), (answer.Status, answer.Challenge));
    }

    /// <summary>Ten minutes, back-dated by five, as Entra does with a ten-minute policy.</summary>
    private string Token(Action<JsonObject>? change = null, Action<JsonObject>? header = null)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return _issuer.Token(
            Audience,
            claims =>
            {
                foreach (var name in (string[])["sub", "client_id", "jti", "scope"])
                {
                    claims.Remove(name);
                }

                claims["iss"] = $"{_issuer.Url}/{Tenant}/v2.0";
                claims["ver"] = "2.0";
                claims["tid"] = Tenant;
                claims["oid"] = "the-oid";
                claims["sub"] = "pairwise";
                claims["azp"] = "the-client";
                claims["uti"] = Guid.NewGuid().ToString();
                claims["scp"] = "projects:read files:read";
                claims["iat"] = now - 300;
                claims["nbf"] = now - 300;
                claims["exp"] = now + 600;
                change?.Invoke(claims);
            },
            head =>
            {
                head["typ"] = "JWT";
                header?.Invoke(head);
            });
    }
}
