using System.Net;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block E and DH-10 to DH-12: what is served, under which names and methods, and nothing beside it.</summary>
public sealed class RouteAttacks(Target target)
{
    private const string Metadata = "/.well-known/oauth-protected-resource";

    [Theory]
    [Trait("Attack", "E19")]
    [InlineData("/attacker/path")]
    [InlineData("/mcp/attacker")]
    [InlineData("/mcp/..")]
    [InlineData("/mcp/../attacker")]
    [InlineData("/..%2f..%2fetc%2fpasswd")]
    [InlineData("/%2e%2e/%2e%2e/appsettings.json")]
    [InlineData("/mcp%2f")]
    [InlineData("/mcp;x")]
    [InlineData("/mcp.json")]
    [InlineData("//mcp")]
    [InlineData("/mcp%00")]
    [InlineData("")]
    [InlineData("/")]
    public async Task The_metadata_is_at_its_one_place(string suffix)
    {
        var reply = await target.SendRawAsync($"GET {Metadata}{suffix} HTTP/1.1\nHost: {target.Server.Url.Authority}\nConnection: close\n\n");

        Assert.Contains((int)reply.Status, (int[])[404, 400]);
        Assert.DoesNotContain("resource", reply.Text, StringComparison.Ordinal);
        Target.Silent(reply);
    }

    [Theory]
    [Trait("Attack", "E19")]
    [InlineData("HEAD")]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("PATCH")]
    [InlineData("TRACE")]
    [InlineData("OPTIONS")]
    [InlineData("get")]
    [InlineData("PROPFIND")]
    public async Task The_metadata_can_only_be_got(string method)
    {
        var reply = await target.SendRawAsync($"{method} {Metadata}/mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\nX-HTTP-Method-Override: GET\nContent-Length: 0\nConnection: close\n\n");

        Assert.True(reply.Status == HttpStatusCode.MethodNotAllowed || (method == "get" && reply.Status is HttpStatusCode.OK or HttpStatusCode.MethodNotAllowed), $"{reply.Status}");
        Target.Silent(reply);
    }

    [Theory]
    [Trait("Attack", "own: other methods on the endpoint")]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("PATCH")]
    [InlineData("TRACE")]
    [InlineData("OPTIONS")]
    [InlineData("QUERY")]
    [InlineData("X")]
    public async Task The_endpoint_can_only_be_posted_to(string method)
    {
        foreach (var token in (string?[])[null, target.Tokens.Forge()])
        {
            foreach (var overriding in (string[])["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
            {
                var reply = await target.SendAsync(Target.Call("probe_read").WithHeader(overriding, "POST"), token is null ? null : $"Bearer {token}", method: new HttpMethod(method));

                target.Refused(Expected.Http(405), reply);
            }
        }
    }

    [Theory]
    [Trait("Attack", "DH-12")]
    [InlineData("/MCP")]
    [InlineData("/Mcp")]
    [InlineData("/mcp/")]
    [InlineData("/MCP/")]
    [InlineData("/%6dcp")]
    [InlineData("/mc%70")]
    [InlineData("/./mcp")]
    [InlineData("/x/../mcp")]
    [InlineData("/%2e/mcp")]
    [InlineData("/mcp?")]
    [InlineData("/mcp?x=y")]
    public async Task The_endpoint_under_another_spelling_has_the_same_guards(string path)
    {
        target.Refused(Expected.NoToken, await target.SendRawAsync(Post(path, null)));
        target.Refused(Expected.BadToken, await target.SendRawAsync(Post(path, "sk-fake")));
        target.Refused(Expected.ScopeMissing("files:write"), await target.SendRawAsync(Post(path, target.Tokens.Forge())));
    }

    [Theory]
    [Trait("Attack", "DH-12")]
    [InlineData("//mcp")]
    [InlineData("/mcp//")]
    [InlineData("/mcp%2f")]
    [InlineData("/mcp%5c")]
    [InlineData("/mcp;x")]
    [InlineData("/mcp.")]
    [InlineData("/mcp%20")]
    [InlineData("/mcp%09")]
    [InlineData("/mcp/x")]
    [InlineData("/mcp/sse")]
    [InlineData("/mcp/message")]
    [InlineData("/sse")]
    [InlineData("/message")]
    [InlineData("/m%D1%81p")]
    [InlineData("/%25%36dcp")]
    [InlineData("/%u006dcp")]
    [InlineData("/mcp%00")]
    [InlineData("/mcp%0a")]
    [InlineData("/\u006dcp\u200b")]
    public async Task What_only_looks_like_the_endpoint_is_nothing(string path)
    {
        var reply = await target.SendRawAsync(Post(path, target.TokenWith("files:write")));

        Assert.Contains((int)reply.Status, (int[])[400, 404, 405]);
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "DH-10")]
    [InlineData("/swagger")]
    [InlineData("/swagger/v1/swagger.json")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/metrics")]
    [InlineData("/debug")]
    [InlineData("/trace")]
    [InlineData("/elmah.axd")]
    [InlineData("/actuator/env")]
    [InlineData("/_framework/aspnetcore-browser-refresh.js")]
    [InlineData("/appsettings.json")]
    [InlineData("/appsettings.Development.json")]
    [InlineData("/.env")]
    [InlineData("/.git/config")]
    [InlineData("/.data/server.db")]
    [InlineData("/audit.db")]
    [InlineData("/server.db")]
    [InlineData("/dev/signing.key")]
    [InlineData("/web.config")]
    [InlineData("/health")]
    [InlineData("/health/")]
    [InlineData("/token")]
    [InlineData("/authorize")]
    [InlineData("/graph/users")]
    [InlineData("/.well-known/openid-configuration")]
    [InlineData("/.well-known/oauth-authorization-server")]
    [InlineData("/../../etc/passwd")]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd")]
    [InlineData("/error")]
    [InlineData("/admin")]
    public async Task There_is_nothing_beside_what_is_on_the_map(string path)
    {
        foreach (var method in (string[])["GET", "POST"])
        {
            var reply = await target.SendRawAsync($"{method} {path} HTTP/1.1\nHost: {target.Server.Url.Authority}\nContent-Length: 0\nConnection: close\n\n");

            Assert.Equal(HttpStatusCode.NotFound, reply.Status);
            Assert.Empty(reply.Text);
            Target.Silent(reply);
        }
    }

    [Fact]
    [Trait("Attack", "DH-10")]
    public async Task The_page_for_people_can_load_run_and_frame_nothing()
    {
        var reply = await target.SendAsync(new Message { Body = "", ContentType = "" }, null, "/?x=<script>alert(1)</script>", HttpMethod.Get);

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Contains("default-src 'none'", reply.Headers, StringComparison.Ordinal);
        Assert.Contains("X-Frame-Options: DENY", reply.Headers, StringComparison.Ordinal);
        Assert.Contains("X-Content-Type-Options: nosniff", reply.Headers, StringComparison.Ordinal);
        Assert.Contains("Referrer-Policy: no-referrer", reply.Headers, StringComparison.Ordinal);
        Assert.DoesNotContain("alert(1)", reply.Text, StringComparison.Ordinal);
        Assert.DoesNotMatch(new Regex("<script|<iframe|onload=|<(?!a )[^>]*(href|src)=\"http", RegexOptions.IgnoreCase), reply.Text);
    }

    [Theory]
    [Trait("Attack", "own: a watcher that asks too much")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_is_one_word(string path)
    {
        var reply = await target.SendAsync(new Message { Body = "", ContentType = "" }, null, path + "?detail=true", HttpMethod.Get);

        Assert.Equal((HttpStatusCode.OK, "Healthy"), (reply.Status, reply.Text));
    }

    [Fact]
    [Trait("Attack", "own: HTTP/1.0")]
    public async Task An_old_HTTP_client_meets_the_same_guards()
    {
        const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write"}}""";
        foreach (var (token, status) in ((string, int)[])[("", 401), ($"Authorization: Bearer {target.Tokens.Forge()}\n", 403)])
        {
            var reply = await target.SendRawAsync(
                $"POST /mcp HTTP/1.0\nHost: {target.Server.Url.Authority}\n{token}traceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: application/json\n"
                + $"Accept: application/json, text/event-stream\nContent-Length: {Body.Length}\n\n{Body}");

            target.Refused(status == 401 ? Expected.NoToken : Expected.ScopeMissing("files:write"), reply);
        }
    }

    private string Post(string path, string? token)
    {
        const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write"}}""";
        return $"POST {path} HTTP/1.1\nHost: {target.Server.Url.Authority}\n" + (token is null ? "" : $"Authorization: Bearer {token}\n")
            + "traceparent: 00-{trace}-00f067aa0ba902b7-01\nContent-Type: application/json\nAccept: application/json, text/event-stream\n"
            + $"Content-Length: {Body.Length}\nConnection: close\n\n{Body}";
    }
}
