using System.Net;
using System.Text;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block E: what is wrong before anybody reads the message.</summary>
public sealed class TransportAttacks(Target target)
{
    private const string Body = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_read"}}""";

    private string Authority => target.Server.Url.Authority;

    [Theory]
    [Trait("Attack", "E02")]
    [InlineData("evil.example")]
    [InlineData("evil.example:{port}")]
    [InlineData("localhost.evil.example:{port}")]
    [InlineData("evil.localhost:{port}")]
    [InlineData("localhost")]
    [InlineData("localhost:1")]
    [InlineData("localhost:0{port}")]
    [InlineData("localhost.:{port}")]
    [InlineData("127.0.0.2:{port}")]
    [InlineData("127.1:{port}")]
    [InlineData("2130706433:{port}")]
    [InlineData("0x7f000001:{port}")]
    [InlineData("0.0.0.0:{port}")]
    [InlineData("[::ffff:127.0.0.1]:{port}")]
    [InlineData("[0:0:0:0:0:0:0:1]:{port}")]
    [InlineData("127.0.0.1.nip.io:{port}")]
    [InlineData("xn--lcalhost-b2a:{port}")]
    public async Task A_host_that_is_not_ours_is_refused_and_appears_nowhere(string host)
    {
        foreach (var route in (string[])["/mcp", "/", "/health/live", "/health/ready", "/.well-known/oauth-protected-resource/mcp", "/nothing"])
        {
            foreach (var token in (string?[])[null, target.Tokens.Forge()])
            {
                var reply = await target.SendAsync(Target.Call("probe_read").WithHeader("Host", Fill(host)), token is null ? null : $"Bearer {token}", route, route == "/mcp" ? HttpMethod.Post : HttpMethod.Get);

                target.Answered(new Expected(400, -32600, null, ""), reply);
                target.NothingRan(reply);
                Assert.DoesNotContain(Fill(host), reply.Headers + reply.Text.Replace(Authority, "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [Theory]
    [Trait("Attack", "E02, E05, E09: the record")]
    [InlineData("Host: evil.example\n", "host_not_allowed")]
    [InlineData("Host: {authority}\nOrigin: https://evil.example\n", "origin_not_allowed")]
    [InlineData("Host: {authority}\n", "request_too_large")]
    public async Task What_the_door_refuses_is_recorded_as_everything_else_is(string headers, string reason)
    {
        var reply = await target.SendRawAsync(Request(
            $"POST /mcp HTTP/1.1\n{headers.Replace("{authority}", Authority, StringComparison.Ordinal)}", reason == "request_too_large" ? 2_000_000 : null));

        target.Recorded(reply.Trace, "deny", reason);
    }

    [Theory]
    [Trait("Attack", "own: ID-20, forwarded hosts")]
    [InlineData("X-Forwarded-Host", "evil.example")]
    [InlineData("X-Forwarded-Proto", "https")]
    [InlineData("X-Forwarded-For", "10.66.66.66")]
    [InlineData("X-Forwarded-Prefix", "/evil")]
    [InlineData("Forwarded", "for=10.66.66.66;host=evil.example;proto=https")]
    [InlineData("X-Original-Host", "evil.example")]
    [InlineData("X-Host", "evil.example")]
    [InlineData("X-Forwarded-Server", "evil.example")]
    [InlineData("X-Rewrite-URL", "/evil")]
    public async Task What_a_client_says_of_a_proxy_changes_no_challenge_and_no_address(string header, string value)
    {
        var reply = await target.RefusesAsync(Expected.NoToken, Target.Call("probe_read").WithHeader(header, value), null);

        var row = target.Server.AuditRows().Single(row => row.GetProperty("client_trace_id").GetString() == reply.Trace);
        Assert.DoesNotContain("10.66.66.66", row.GetRawText(), StringComparison.Ordinal);
        var metadata = await target.SendAsync(new Message { Body = "", ContentType = "" }.WithHeader(header, value), null, "/.well-known/oauth-protected-resource/mcp", HttpMethod.Get);
        Assert.Equal(target.Server.Resource, metadata.Body.GetProperty("resource").GetString());
    }

    [Theory]
    [Trait("Attack", "E04")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\nHost: evil.example\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: evil.example\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}, evil.example\n")]
    [InlineData("POST http://evil.example/mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST http://{authority}/mcp HTTP/1.1\nHost: evil.example\n")]
    [InlineData("POST http://evil.example/mcp HTTP/1.1\nHost: evil.example\n")]
    [InlineData("POST file:///mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost:\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: \n")]
    [InlineData("POST /mcp HTTP/1.1\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}/\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: http://{authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: x@{authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}#\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority} evil.example\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost : {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: evil\n {authority}\n")]
    [InlineData("POST /mcp HTTP/1.0\nHost: evil.example\n")]
    [InlineData("POST /mcp HTTP/1.0\n")]
    public async Task A_request_that_names_no_host_or_two_is_refused(string head)
    {
        var reply = await target.SendRawAsync(Request(head.Replace("{authority}", Authority, StringComparison.Ordinal)));

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Empty(reply.Challenges);
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "own: other ways of asking")]
    [InlineData("POST /mcp HTTP/2.0\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/9.9\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1x\nHost: {authority}\n")]
    [InlineData("POST /mcp\nHost: {authority}\n")]
    [InlineData("POST  /mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST /mcp /mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST * HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST \\mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("CONNECT {authority} HTTP/1.1\nHost: {authority}\n")]
    [InlineData("PRI * HTTP/2.0\n\nSM\n")]
    [InlineData("P\u00d6ST /mcp HTTP/1.1\nHost: {authority}\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\nBad Header: x\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\n: x\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\nX-No-Colon\n")]
    [InlineData("POST /mcp HTTP/1.1\nHost: {authority}\nX: a\u0000b\n")]
    public async Task A_request_that_is_no_HTTP_is_not_carried_out(string head)
    {
        var reply = await target.SendRawAsync(Request(head.Replace("{authority}", Authority, StringComparison.Ordinal)));

        Assert.Contains((int)reply.Status, (int[])[0, 400, 404, 405, 505]);
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "E05")]
    [InlineData("https://evil.example")]
    [InlineData("null")]
    [InlineData("http://{authority}.evil.example")]
    [InlineData("https://{authority}")]
    [InlineData("http://localhost")]
    [InlineData("http://localhost:1")]
    [InlineData("http://{authority}/")]
    [InlineData("HTTP://{authority}")]
    [InlineData("http://x@{authority}")]
    [InlineData("http://evil.example http://{authority}")]
    [InlineData("http://{authority}, http://evil.example")]
    [InlineData("chrome-extension://abcdefghijklmnop")]
    [InlineData("file://")]
    [InlineData("vscode-webview://x")]
    [InlineData("")]
    public async Task A_page_of_another_origin_gets_nothing_on_any_route(string origin)
    {
        foreach (var (route, method) in ((string, HttpMethod)[])[("/mcp", HttpMethod.Post), ("/mcp", HttpMethod.Options), ("/mcp", HttpMethod.Get), ("/", HttpMethod.Get), ("/health/live", HttpMethod.Get), ("/.well-known/oauth-protected-resource/mcp", HttpMethod.Get), ("/nothing", HttpMethod.Put)])
        {
            var message = Target.Call("probe_read").WithHeader("Origin", origin.Replace("{authority}", Authority, StringComparison.Ordinal))
                .WithHeader("Access-Control-Request-Method", "POST").WithHeader("Access-Control-Request-Headers", "authorization,content-type");

            var reply = await target.SendAsync(message, method == HttpMethod.Options ? null : $"Bearer {target.Tokens.Forge()}", route, method);

            target.Answered(new Expected(403, 403, null, ""), reply);
            target.NothingRan(reply);
            Assert.DoesNotContain("Access-Control", reply.Headers, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [Trait("Attack", "E05")]
    [InlineData("Origin: http://{authority}\nOrigin: https://evil.example\n")]
    [InlineData("Origin: https://evil.example\norigin: http://{authority}\n")]
    public async Task Of_two_origins_one_that_is_foreign_is_enough(string headers)
    {
        var reply = await target.SendRawAsync(Request($"POST /mcp HTTP/1.1\nHost: {Authority}\n{headers.Replace("{authority}", Authority, StringComparison.Ordinal)}"));

        target.Answered(new Expected(403, 403, null, ""), reply);
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "E06")]
    [InlineData("text/plain")]
    [InlineData("text/plain; x=application/json")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("text/json")]
    [InlineData("application/jsonp")]
    [InlineData("application/json-patch+json")]
    [InlineData("application/vnd.api+json")]
    [InlineData("application/json, text/plain")]
    [InlineData("text/plain, application/json")]
    [InlineData("application/*")]
    [InlineData("*/*")]
    [InlineData("json")]
    [InlineData("")]
    public async Task A_media_type_that_a_form_can_send_is_refused_with_and_without_a_token(string contentType)
    {
        var message = new Message { Body = Body, ContentType = contentType };
        foreach (var token in (string?[])[target.Tokens.Forge(), null])
        {
            var reply = await target.SendAsync(message, token is null ? null : $"Bearer {token}");

            // 405 and 415 may come before 401, and need not.
            Assert.True(reply.Status == HttpStatusCode.UnsupportedMediaType || (token is null && reply.Status == HttpStatusCode.Unauthorized), $"{reply.Status}");
            Assert.Equal(reply.Status == HttpStatusCode.Unauthorized ? 1 : 0, reply.Challenges.Count);
            target.NothingRan(reply);
        }
    }

    [Theory]
    [Trait("Attack", "E06")]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate, gzip")]
    [InlineData("identity")]
    [InlineData("x")]
    public async Task An_encoded_body_is_refused(string encoding) =>
        target.Refused(Expected.WrongMediaType, await target.SendRawAsync(Request($"POST /mcp HTTP/1.1\nHost: {Authority}\nContent-Encoding: {encoding}\n")));

    [Theory]
    [Trait("Attack", "E07")]
    [InlineData("application/json")]
    [InlineData("text/event-stream")]
    [InlineData("text/html")]
    [InlineData("application/json;q=0")]
    [InlineData("application/jsonx, text/event-stream")]
    [InlineData("garbage")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_client_that_does_not_accept_both_forms_is_refused(string? accept) =>
        await target.RefusesAsync(new Expected(406, -32600, "deny", "not_acceptable"), Target.Call("probe_read").WithHeader("Accept", accept), target.Tokens.Forge());

    [Theory]
    [Trait("Attack", "E08")]
    [InlineData("Transfer-Encoding: chunked\nContent-Length: {length}\n", "{chunk}")]
    [InlineData("Content-Length: {length}\nTransfer-Encoding: chunked\n", "{chunk}")]
    [InlineData("Content-Length: 4\nTransfer-Encoding: chunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding: chunked\nContent-Length: {length}\n", "{body}")]
    [InlineData("Transfer-Encoding: xchunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding: identity, chunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding: gzip, chunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding: chunked, identity\n", "{chunk}")]
    [InlineData("Transfer-Encoding: chunked\nTransfer-Encoding: identity\n", "{chunk}")]
    [InlineData("Transfer-Encoding: chunked, chunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding: \"chunked\"\n", "{chunk}")]
    [InlineData("Transfer-Encoding: chunked;x=y\n", "{chunk}")]
    [InlineData("Transfer-Encoding:\n chunked\n", "{chunk}")]
    [InlineData("Transfer-Encoding : chunked\n", "{chunk}")]
    [InlineData("Content-Length: {length}\nContent-Length: 4\n", "{body}")]
    [InlineData("Content-Length: 4\nContent-Length: {length}\n", "{body}")]
    [InlineData("Content-Length: {length}, 4\n", "{body}")]
    [InlineData("Content-Length: -1\n", "{body}")]
    [InlineData("Content-Length: 0x4c\n", "{body}")]
    [InlineData("Content-Length: 99999999999999999999\n", "{body}")]
    [InlineData("Content-Length: {length}abc\n", "{body}")]
    [InlineData("Transfer-Encoding: chunked\n", "0x{hex}\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "-1\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "+{hex}\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", " {hex}\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "fffffffffffffffff\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "{hex}\n{body}0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "{hex}\n{body}xx0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "g\n{body}\n0\n\n")]
    [InlineData("Transfer-Encoding: chunked\n", "\n{body}\n0\n\n")]
    public async Task A_body_whose_end_can_be_seen_in_two_places_is_not_read_and_the_connection_ends(string headers, string body)
    {
        var chunk = $"{Body.Length:x}\n{Body}\n0\n\n";
        var request = $"POST /mcp HTTP/1.1\nHost: {Authority}\nAuthorization: Bearer {target.Tokens.Forge()}\ntraceparent: 00-{{trace}}-00f067aa0ba902b7-01\n"
            + "Content-Type: application/json\nAccept: application/json, text/event-stream\n" + headers.Replace("{length}", $"{Body.Length}", StringComparison.Ordinal)
            + "\n" + body.Replace("{chunk}", chunk, StringComparison.Ordinal).Replace("{body}", Body, StringComparison.Ordinal).Replace("{hex}", $"{Body.Length:x}", StringComparison.Ordinal);
        var trace = System.Diagnostics.ActivityTraceId.CreateRandom().ToHexString();

        // What follows on the connection is what a smuggler would send: it must not be answered.
        var answer = await RawHttp.SendAsync(target.Server.Url, RawHttp.Replace(
            RawHttp.Bytes(request + $"GET /health/live HTTP/1.1\nHost: {Authority}\nX-Smuggled: yes\n\n"), "{trace}", trace));

        var reply = answer.ToReply(trace);
        Assert.True(reply.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented, answer.Text);
        Assert.DoesNotContain("Healthy", answer.Text, StringComparison.Ordinal);
        Assert.True(answer.Closed, "The connection stayed open.");
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "E09")]
    [InlineData(2)]
    [InlineData(29)]
    [InlineData(31)]
    [InlineData(40)]
    public async Task A_body_of_megabytes_is_refused_before_it_is_read(int megabytes)
    {
        var before = GC.GetTotalMemory(forceFullCollection: false);
        var trace = System.Diagnostics.ActivityTraceId.CreateRandom().ToHexString();
        var head = RawHttp.Bytes(Request($"POST /mcp HTTP/1.1\nHost: {Authority}\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\n", megabytes * 1024 * 1024)[..^Body.Length]);
        var block = new byte[64 * 1024];

        var answer = await RawHttp.SendAsync(target.Server.Url, [head, .. Enumerable.Repeat(block, megabytes * 16)]);

        target.NothingRan(answer.ToReply(trace));
        Assert.StartsWith("HTTP/1.1 413 ", answer.Text, StringComparison.Ordinal);
        Assert.True(GC.GetTotalMemory(forceFullCollection: false) - before < 200_000_000);
    }

    [Theory]
    [Trait("Attack", "E09")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_chunked_body_without_end_is_refused_at_its_limit(bool withToken)
    {
        var trace = System.Diagnostics.ActivityTraceId.CreateRandom().ToHexString();
        var head = RawHttp.Bytes(
            $"POST /mcp HTTP/1.1\nHost: {Authority}\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\n" + (withToken ? $"Authorization: Bearer {target.Tokens.Forge()}\n" : "")
            + "Content-Type: application/json\nAccept: application/json, text/event-stream\nTransfer-Encoding: chunked\n\n");
        var chunk = Encoding.ASCII.GetBytes($"10000\r\n{new string(' ', 0x10000)}\r\n");

        var answer = await RawHttp.SendAsync(target.Server.Url, [head, .. Enumerable.Repeat(chunk, 2_000)]);

        Assert.StartsWith(withToken ? "HTTP/1.1 413 " : "HTTP/1.1 401 ", answer.Text, StringComparison.Ordinal);
        Assert.InRange(answer.Sent, 0, 64L * 1024 * 1024);
        target.NothingRan(answer.ToReply(trace));
    }

    [Fact]
    [Trait("Attack", "E09")]
    public async Task A_gzip_bomb_is_not_unpacked()
    {
        using var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var block = Encoding.ASCII.GetBytes(new string(' ', 1024 * 1024));
            for (var i = 0; i < 100; i++)
            {
                await gzip.WriteAsync(block);
            }
        }

        var bomb = packed.ToArray();
        var head = RawHttp.Bytes(Request($"POST /mcp HTTP/1.1\nHost: {Authority}\nContent-Encoding: gzip\n", bomb.Length)[..^Body.Length]);
        target.Refused(Expected.WrongMediaType, await target.SendRawAsync([.. head, .. bomb]));
        head = RawHttp.Bytes(Request($"POST /mcp HTTP/1.1\nHost: {Authority}\n", bomb.Length)[..^Body.Length]);
        target.Refused(Expected.NotJson, await target.SendRawAsync([.. head, .. bomb]));
    }

    [Fact]
    [Trait("Attack", "own: a body that comes slowly or not at all")]
    public async Task A_body_that_ends_early_is_not_carried_out()
    {
        var trace = System.Diagnostics.ActivityTraceId.CreateRandom().ToHexString();
        var request = Request($"POST /mcp HTTP/1.1\nHost: {Authority}\n", Body.Length + 10).Replace("{trace}", trace, StringComparison.Ordinal);

        using (var client = new System.Net.Sockets.TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, target.Server.Url.Port);
            await client.GetStream().WriteAsync(RawHttp.Bytes(request));
            await Task.Delay(200);
        }

        await Task.Delay(200);
        Assert.Empty(target.Probes.Of(trace));
        Assert.DoesNotContain("allow", target.Server.AuditRows().Where(row => row.GetProperty("client_trace_id").GetString() == trace).Select(row => row.GetProperty("decision").GetString()));
    }

    [Theory]
    [Trait("Attack", "E10")]
    [InlineData(431, "X-Large: {40000}\n", "/mcp")]
    [InlineData(431, "Mcp-Name: {40000}\n", "/mcp")]
    [InlineData(431, "Cookie: {40000}\n", "/mcp")]
    [InlineData(431, "{1000 headers}", "/mcp")]
    [InlineData(414, "", "/mcp?{100000}")]
    [InlineData(414, "", "/{100000}")]
    public async Task Headers_and_addresses_without_measure_are_refused(int status, string headers, string path)
    {
        var many = string.Concat(Enumerable.Range(0, 1000).Select(i => $"X-{i}: {i}\n"));
        var reply = await target.SendRawAsync(Request(
            $"POST {path.Replace("{100000}", new string('a', 100_000), StringComparison.Ordinal)} HTTP/1.1\nHost: {Authority}\n"
            + headers.Replace("{40000}", new string('a', 40_000), StringComparison.Ordinal).Replace("{1000 headers}", many, StringComparison.Ordinal)));

        target.Refused(Expected.Http(status), reply);
    }

    private string Request(string head, int? length = null) =>
        $"{head}Authorization: Bearer {target.Tokens.Forge()}\ntraceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: application/json\n"
        + $"Accept: application/json, text/event-stream\nContent-Length: {length ?? Body.Length}\nConnection: close\n\n{Body}";

    private string Fill(string host) => host.Replace("{port}", $"{target.Server.Url.Port}", StringComparison.Ordinal);
}
