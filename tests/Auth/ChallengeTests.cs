using System.Net;
using System.Security.Cryptography;
using McpFilesServer.Tests.Host;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Auth;

public sealed class ChallengeTests(Server server)
{
    private string Metadata => $"resource_metadata=\"{server.Url}.well-known/oauth-protected-resource/mcp\"";

    [Theory]
    [InlineData("{}")]
    [InlineData("not json at all")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""")]
    public async Task Without_a_token_the_challenge_names_the_baseline_and_no_error(string body)
    {
        var answer = await server.SendAsync(null, Message.List().With(body));

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal($"Bearer scope=\"projects:read files:read\", {Metadata}", answer.Challenge);
        Assert.Equal(401, answer.ErrorCode);
        Assert.Equal("no-store", answer.Headers["Cache-Control"]);
    }

    [Fact]
    public async Task A_scope_that_is_missing_is_a_403_with_all_scopes_of_the_operation_and_no_others()
    {
        var token = await server.Tokens.OfAsync("alice", "files:read projects:read");

        foreach (var legacy in (bool[])[false, true])
        {
            var answer = await server.CallAsync(token, "create_project", new { title = "Mine" }, legacy);

            Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
            Assert.Equal($"Bearer error=\"insufficient_scope\", scope=\"projects:write\", {Metadata}", answer.Challenge);
            Assert.Equal(403, answer.ErrorCode);
            Assert.Equal(7, answer.Body.GetProperty("id").GetInt32());
            Assert.Contains("projects:write", answer.ErrorMessage, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_token_that_does_not_hold_is_a_401_invalid_token_whatever_is_wrong_with_it()
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        using var foreign = RSA.Create(2048);
        var good = server.Tokens.Forge();
        var parts = good.Split('.');
        var bad = new Dictionary<string, string>
        {
            ["expired"] = server.Tokens.Forge(claims => (claims["iat"], claims["exp"]) = (now - 331, now - 31)),
            ["foreign audience"] = server.Tokens.Forge(claims => claims["aud"] = "https://graph.microsoft.com"),
            ["audience with a slash"] = server.Tokens.Forge(claims => claims["aud"] = server.Resource + "/"),
            ["unsigned"] = $"{Base64UrlEncoder.Encode("""{"alg":"none","typ":"at+jwt"}""")}.{parts[1]}.",
            ["24 hours"] = server.Tokens.Forge(claims => claims["exp"] = now + 86400),
            ["foreign key"] = server.Tokens.Forge(key: foreign),
            ["flipped signature"] = $"{parts[0]}.{parts[1]}.{(parts[2][0] == 'A' ? 'B' : 'A')}{parts[2][1..]}",
            ["not a token"] = "sk-fake",
            ["id token type"] = server.Tokens.Forge(header: header => header["typ"] = "JWT"),
            ["no type"] = server.Tokens.Forge(header: header => header.Remove("typ")),
            ["no jti"] = server.Tokens.Forge(claims => claims.Remove("jti")),
            ["no sub"] = server.Tokens.Forge(claims => claims.Remove("sub")),
            ["no client"] = server.Tokens.Forge(claims => claims.Remove("client_id")),
            ["no iat"] = server.Tokens.Forge(claims => claims.Remove("iat")),
            ["no exp"] = server.Tokens.Forge(claims => claims.Remove("exp")),
            ["exp as text"] = server.Tokens.Forge(claims => claims["exp"] = $"{now + 300}"),
            ["future iat"] = server.Tokens.Forge(claims => (claims["iat"], claims["exp"]) = (now + 3600, now + 3700)),
            ["future nbf"] = server.Tokens.Forge(claims => claims["nbf"] = now + 3600),
            ["scope as a list"] = server.Tokens.Forge(claims => claims["scope"] = new System.Text.Json.Nodes.JsonArray("files:read")),
            ["sender-constrained"] = server.Tokens.Forge(claims => claims["cnf"] = new System.Text.Json.Nodes.JsonObject { ["jkt"] = "x" }),
            ["issuer without its slash"] = server.Tokens.Forge(claims => claims["iss"] = server.Provider.AbsoluteUri.TrimEnd('/')),
            ["crit"] = server.Tokens.Forge(header: header => header["crit"] = new System.Text.Json.Nodes.JsonArray("exp")),
        };

        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(good, Message.List())).Status);
        foreach (var (what, token) in bad)
        {
            var answer = await server.SendAsync(token, Message.List());

            Assert.True(answer.Status == HttpStatusCode.Unauthorized, $"{what}: {answer.Status}");
            Assert.Equal($"Bearer error=\"invalid_token\", scope=\"projects:read files:read\", {Metadata}", answer.Challenge);
            Assert.Equal(401, answer.ErrorCode);
        }
    }

    [Fact]
    public async Task The_metadata_is_what_is_configured_at_its_one_place_and_nowhere_else()
    {
        var document = await Answer.ReadAsync(await server.Http.GetAsync("/.well-known/oauth-protected-resource/mcp"));

        Assert.Equal(server.Resource, document.Body.GetProperty("resource").GetString());
        Assert.Equal([server.Provider.AbsoluteUri], document.Body.GetProperty("authorization_servers").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal(["projects:read", "files:read"], document.Body.GetProperty("scopes_supported").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal(["header"], document.Body.GetProperty("bearer_methods_supported").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync("/.well-known/oauth-protected-resource/attacker/path")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await server.Http.PostAsync("/.well-known/oauth-protected-resource/mcp", null)).StatusCode);
    }

    [Fact]
    public async Task Every_decision_leaves_one_audit_record()
    {
        var token = await server.Tokens.OfAsync("alice", "files:read projects:read");
        await using var own = await Server.StartAsync();
        token = await own.Tokens.OfAsync("alice", "files:read projects:read");

        await own.CallAsync(token, "list_projects", new { });
        await own.CallAsync(token, "create_project", new { title = "Mine" });
        await own.CallAsync("sk-fake", "list_projects", new { });
        await own.CallAsync(token, "no_such_tool", new { });

        Assert.Equal(
            [("allow", "scopes_held", "list_projects"), ("challenge", "scope_missing", "create_project"), ("deny", "token_names_no_key", null), ("deny", "unknown_target", null)],
            own.AuditRows().Select(row => (row.GetProperty("decision").GetString()!, row.GetProperty("reason").GetString()!, row.GetProperty("target").GetString())));
        Assert.All(own.AuditRows(), row => Assert.Equal("decision", row.GetProperty("kind").GetString()));
        Assert.DoesNotContain(own.AuditRows(), row => row.GetRawText().Contains(token.Split('.')[2], StringComparison.Ordinal));
    }
}
