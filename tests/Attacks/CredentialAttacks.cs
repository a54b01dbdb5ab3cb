using System.Net;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block A, as far as it is about where a credential stands and in which clothes it comes.</summary>
public sealed class CredentialAttacks(Target target)
{
    [Theory]
    [Trait("Attack", "A03")]
    [InlineData("Basic YWRtaW46YWRtaW4=")]
    [InlineData("Basic {token}")]
    [InlineData("DPoP {token}")]
    [InlineData("Token {token}")]
    [InlineData("MAC id=\"{token}\"")]
    [InlineData("Digest username=\"alice\", token=\"{token}\"")]
    [InlineData("Negotiate {token}")]
    [InlineData("{token}")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer{token}")]
    [InlineData("Bearer:{token}")]
    [InlineData("Bearer\t{token}")]
    [InlineData("Bearer={token}")]
    [InlineData("\"Bearer\" {token}")]
    [InlineData("XBearer {token}")]
    public async Task A_credential_of_another_scheme_is_none_at_all(string authorization)
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), authorization.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        target.Refused(Expected.NoToken, reply);
    }

    [Theory]
    [Trait("Attack", "A03")]
    [InlineData("Bearer sk-fake")]
    [InlineData("Bearer null")]
    [InlineData("Bearer undefined")]
    [InlineData("Bearer ..")]
    [InlineData("Bearer \"{token}\"")]
    [InlineData("Bearer <{token}>")]
    [InlineData("Bearer {token} garbage")]
    [InlineData("Bearer {token},")]
    [InlineData("Bearer {token};x=1")]
    [InlineData("Bearer ={token}")]
    [InlineData("Bearer Bearer {token}")]
    [InlineData("Bearer token=\"{token}\"")]
    [InlineData("Bearer {token}={token}")]
    public async Task What_is_no_token_does_not_fall_back_to_anything(string authorization)
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), authorization.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        target.Refused(Expected.BadToken, reply);
    }

    [Theory]
    [Trait("Attack", "own: tab before the token")]
    [InlineData("Bearer \t{token}")]
    [InlineData("Bearer {token}\t\t.")]
    public async Task Between_scheme_and_token_stand_spaces_and_nothing_else(string authorization)
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), authorization.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        target.Refused(Expected.BadToken, reply);
    }

    [Theory]
    [Trait("Attack", "own: other spellings of Bearer that RFC 9110 allows")]
    [InlineData("bearer {token}")]
    [InlineData("BEARER {token}")]
    [InlineData("Bearer    {token}")]
    public async Task The_scheme_has_no_case_and_spaces_may_follow_it(string authorization)
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), authorization.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(["probe_read"], target.Probes.Of(reply.Trace));
        target.Recorded(reply.Trace, "allow", "scopes_held");
    }

    [Theory]
    [Trait("Attack", "A21")]
    [InlineData("?access_token={token}")]
    [InlineData("?Access_Token={token}")]
    [InlineData("?token={token}")]
    [InlineData("?authorization=Bearer%20{token}")]
    [InlineData("?access_token=x&access_token={token}")]
    public async Task A_token_in_the_address_is_no_token(string query)
    {
        var reply = await target.RefusesAsync(
            Expected.NoToken, Target.Call("probe_read"), null, "/mcp" + query.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        Assert.DoesNotContain("access_token", target.Logged, StringComparison.Ordinal);
        Assert.DoesNotContain("access_token", reply.Headers, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "A21")]
    [InlineData("Cookie", "access_token={token}")]
    [InlineData("Cookie", ".AspNetCore.Cookies={token}; Authorization=Bearer {token}")]
    [InlineData("X-Access-Token", "{token}")]
    [InlineData("X-Authorization", "Bearer {token}")]
    [InlineData("Proxy-Authorization", "Bearer {token}")]
    [InlineData("X-Forwarded-Access-Token", "{token}")]
    [InlineData("Authorization2", "Bearer {token}")]
    [InlineData("X-MS-TOKEN-AAD-ACCESS-TOKEN", "{token}")]
    [InlineData("Mcp-Session-Id", "{token}")]
    public async Task A_token_in_a_cookie_or_another_header_is_no_token(string header, string value) =>
        await target.RefusesAsync(
            Expected.NoToken, Target.Call("probe_read").WithHeader(header, value.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal)), null);

    [Fact]
    [Trait("Attack", "A21")]
    public async Task A_token_in_a_form_is_no_token_and_a_form_is_no_message()
    {
        var form = new Message { Body = $"access_token={target.Tokens.Forge()}", ContentType = "application/x-www-form-urlencoded" };

        await target.RefusesAsync(Expected.Http(415), form, null);
    }

    [Fact]
    [Trait("Attack", "A21")]
    public async Task A_token_in_the_message_is_no_token()
    {
        var token = target.Tokens.Forge();
        var message = Target.Call("probe_read");

        await target.RefusesAsync(Expected.NoToken, message.With(message.Body.Replace("\"_meta\":{", $"\"_meta\":{{\"authorization\":\"Bearer {token}\",\"access_token\":\"{token}\",", StringComparison.Ordinal)), null);
    }

    [Theory]
    [Trait("Attack", "A22")]
    [InlineData("?access_token={token}")]
    [InlineData("?x=1&access_token={token}")]
    [InlineData("?access_token=")]
    [InlineData("?access_token")]
    [InlineData("?access%5Ftoken={token}")]
    public async Task A_second_token_in_the_address_makes_the_request_bad_and_is_not_logged(string query)
    {
        await target.RefusesAsync(
            new Expected(400, -32600, "deny", "two_tokens"), Target.Call("probe_read"), target.Tokens.Forge(),
            "/mcp" + query.Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        Assert.DoesNotContain("access_token", target.Logged, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "A23")]
    [InlineData("Bearer {token}", "Bearer garbage")]
    [InlineData("Bearer garbage", "Bearer {token}")]
    [InlineData("Bearer {token}", "Bearer {token}")]
    [InlineData("Bearer {token}", "Basic YWRtaW46YWRtaW4=")]
    [InlineData("Bearer {token}", "")]
    [InlineData("", "Bearer {token}")]
    public async Task Of_two_Authorization_headers_neither_counts(string first, string second)
    {
        var token = target.Tokens.Forge();

        var reply = await target.SendRawAsync(Raw($"Authorization: {first}\nauthorization: {second}\n").Replace("{token}", token, StringComparison.Ordinal));

        Assert.Contains(reply.Status, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized]);
        Assert.True(reply.Challenges.Count == (reply.Status == HttpStatusCode.Unauthorized ? 1 : 0));
        target.NothingRan(reply);
        target.Recorded(reply.Trace, "deny", "no_token|two_tokens|token_[a-z_]+");
    }

    [Theory]
    [Trait("Attack", "A23")]
    [InlineData("Bearer {token}, Bearer {other}")]
    [InlineData("Bearer {token},Bearer garbage")]
    [InlineData("Bearer garbage, Bearer {token}")]
    [InlineData("Basic YWRtaW46YWRtaW4=, Bearer {token}")]
    public async Task Two_credentials_in_one_header_are_none(string authorization)
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), authorization
            .Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal).Replace("{other}", target.Tokens.Forge(), StringComparison.Ordinal));

        Assert.Contains(reply.Status, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized]);
        Assert.Single(reply.Challenges);
        target.NothingRan(reply);
        target.Recorded(reply.Trace, "deny", "no_token|two_tokens|token_[a-z_]+");
    }

    [Theory]
    [Trait("Attack", "own: a header in pieces")]
    [InlineData("Authorization: Bearer\n {token}\n")]
    [InlineData("Authorization : Bearer {token}\n")]
    [InlineData(" Authorization: Bearer {token}\n")]
    [InlineData("Authorization\t: Bearer {token}\n")]
    public async Task A_header_that_is_folded_or_misspelt_ends_the_connection(string header)
    {
        var reply = await target.SendRawAsync(Raw(header).Replace("{token}", target.Tokens.Forge(), StringComparison.Ordinal));

        target.Refused(Expected.Http(400), reply);
    }

    [Fact]
    [Trait("Attack", "own: a token after the body")]
    public async Task A_token_in_a_trailer_is_no_token()
    {
        const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_read"}}""";
        var reply = await target.SendRawAsync(
            $"POST /mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\ntraceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: application/json\n"
            + "Accept: application/json, text/event-stream\nTransfer-Encoding: chunked\nTrailer: Authorization\nConnection: close\n\n"
            + $"{Body.Length:x}\n{Body}\n0\nAuthorization: Bearer {target.Tokens.Forge()}\n\n");

        target.Refused(Expected.NoToken, reply);
    }

    [Fact]
    [Trait("Attack", "own: log reader")]
    public async Task No_part_of_a_token_reaches_a_log_that_says_everything()
    {
        await using var own = await Target.StartAsync(null, ("Logging:LogLevel:Default", "Trace"));
        string[] tokens = [own.Tokens.Forge(), own.Tokens.Forge(claims => claims["aud"] = "elsewhere"), own.Tokens.Forge(claims => claims.Remove("jti")), own.ForgeText(text => text + "x")];

        foreach (var token in tokens)
        {
            await own.SendAsync(Target.Call("probe_read"), $"Bearer {token}");
        }

        Assert.All(tokens, token => Assert.DoesNotContain(token.Split('.')[2], own.Logged, StringComparison.Ordinal));
        Assert.All(tokens, token => Assert.DoesNotContain(token.Split('.')[1], own.Logged, StringComparison.Ordinal));
    }

    /// <summary>A call of an older client, which needs the fewest headers.</summary>
    private string Raw(string headers)
    {
        const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_read"}}""";
        return $"POST /mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\n{headers}traceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: application/json\n"
            + $"Accept: application/json, text/event-stream\nContent-Length: {Body.Length}\nConnection: close\n\n{Body}";
    }
}
