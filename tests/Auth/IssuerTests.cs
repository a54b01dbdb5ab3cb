using System.Diagnostics;
using System.Net;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting.Internal;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>Several issuers, and issuers that are away or lie.</summary>
public sealed class IssuerTests
{
    [Fact]
    public async Task Each_token_is_checked_with_the_keys_of_its_own_issuer_only()
    {
        await using var first = await TestIssuer.StartAsync();
        await using var second = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: [("Auth:Issuers:1:Authority", first.Authority), ("Auth:Issuers:2:Authority", second.Authority)]);

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(server.Tokens.Forge(), Message.List())).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(first.Token(server.Resource), Message.List())).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(second.Token(server.Resource), Message.List())).Status);
        // The same kid, the other issuer's key.
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(first.Token(server.Resource, claims => claims["iss"] = second.Authority), Message.List())).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(first.Token(server.Resource, claims => claims["iss"] = "https://nobody.example"), Message.List())).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(first.Token(server.Resource, claims => claims.Remove("iss")), Message.List())).Status);
    }

    [Theory]
    [Trait("Attack", "A32")]
    [InlineData("away")]
    [InlineData("redirect")]
    [InlineData("hang")]
    [InlineData("large")]
    [InlineData("junk")]
    [InlineData("another issuer")]
    public async Task An_issuer_whose_keys_cannot_be_had_is_a_503_and_never_a_401_or_a_200(string fault)
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Name = fault == "another issuer" ? "https://evil.example" : issuer.Name;
        issuer.Instead = fault switch
        {
            "away" => context => Status(context, 500),
            "redirect" => context =>
            {
                context.Response.Redirect("http://localhost:1/");
                return Task.CompletedTask;
            }
            ,
            "hang" => context => Task.Delay(TimeSpan.FromSeconds(30), context.RequestAborted),
            "large" => context => context.Response.WriteAsync(new string(' ', 1024 * 1024)),
            "junk" => context => context.Response.WriteAsync("<html>"),
            _ => null,
        };
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));

        var watch = Stopwatch.StartNew();
        var answer = await server.SendAsync(issuer.Token(server.Resource), Message.List());

        Assert.Equal((HttpStatusCode.ServiceUnavailable, 503, ""), (answer.Status, answer.ErrorCode, answer.Challenge));
        Assert.NotEmpty(answer.Headers["Retry-After"]);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(9));
        Assert.Equal("issuer_unavailable", server.AuditRows()[^1].GetProperty("reason").GetString());
        // The other issuer's people do not notice.
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(server.Tokens.Forge(), Message.List())).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/tenant/one")]
    public async Task An_issuer_that_is_no_OpenID_provider_is_found_too(string path)
    {
        await using var issuer = await TestIssuer.StartAsync(path);
        issuer.OAuthOnly = true;
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
    }

    [Fact]
    public async Task Another_issuer_replaces_the_embedded_one_by_its_one_setting_and_what_needs_an_exchange_says_so()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:0:Authority", issuer.Authority));

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Http.GetAsync(server.Provider));
        Assert.Equal(
            "This server is not set up to call the service that this tool needs. Tell its operator.",
            (await server.CallAsync(issuer.Token(server.Resource, claims => claims["scope"] = "people:read"), "find_people", new { query = "al" })).Failure);
    }

    [Fact]
    public async Task An_issuer_that_comes_back_is_used_again()
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Instead = context => Status(context, 500);
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Auth:Issuers:1:Authority", issuer.Authority));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
        issuer.Instead = null;
        clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(issuer.Token(server.Resource), Message.List())).Status);
    }

    [Fact]
    public async Task Keys_that_are_known_are_used_while_the_issuer_is_away_but_not_for_ever()
    {
        await using var issuer = await TestIssuer.StartAsync();
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Auth:Issuers:1:Authority", issuer.Authority));
        string Token() => issuer.Token(server.Resource, claims =>
            (claims["iat"], claims["exp"]) = (clock.GetUtcNow().ToUnixTimeSeconds(), clock.GetUtcNow().ToUnixTimeSeconds() + 300));

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(Token(), Message.List())).Status);
        issuer.Instead = context => Status(context, 500);
        clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(Token(), Message.List())).Status);
        clock.Advance(TimeSpan.FromHours(11));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.SendAsync(Token(), Message.List())).Status);
    }

    [Fact]
    public async Task Embedded_and_referenced_keys_in_a_token_are_never_used()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var evil = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        using var key = System.Security.Cryptography.RSA.Create(2048);

        var token = issuer.Token(server.Resource, header: header => (header["jku"], header["x5u"]) = ($"{evil.Url}/keys", $"{evil.Url}/keys"), key: key);

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(token, Message.List())).Status);
        Assert.Equal(0, evil.Fetches);
    }

    [Fact]
    public async Task Where_no_token_is_needed_none_is_looked_at()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));

        foreach (var path in (string[])["/", "/health/live", "/.well-known/oauth-protected-resource/mcp"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Url, path));
            request.Headers.Authorization = new("Bearer", issuer.Token(server.Resource));
            Assert.Equal(HttpStatusCode.OK, (await server.Http.SendAsync(request)).StatusCode);
        }

        Assert.Equal(0, issuer.Fetches);
    }

    [Fact]
    public void Two_issuers_with_one_name_do_not_start()
    {
        var options = new AuthOptions();
        foreach (var tenants in (string[])["common", "organizations"])
        {
            options.Issuers.Add(new IssuerOptions
            {
                Authority = $"https://login.microsoftonline.com/{tenants}/v2.0",
                Profile = TokenProfile.Entra,
                Audience = "2c9d3e4f-5a6b-4c7d-8e8f-9a0b1c2d3e4f",
                AllowedTenants = new HashSet<string> { "0a7b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d" },
            });
        }

        Assert.Contains("more than once", Assert.Single(options.Problems(new HostingEnvironment { EnvironmentName = "Production" })), StringComparison.Ordinal);
    }

    private static Task Status(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
