using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block B, as far as it is about headers that say something else than the body. The tool of the body must never run.</summary>
public sealed class HeaderAttacks(Target target)
{
    private string Token => target.TokenWith("files:read files:write");

    [Theory]
    [Trait("Attack", "B09")]
    [InlineData("probe_read")]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("PROBE_WRITE")]
    [InlineData("probe_write x")]
    [InlineData("probe_write, probe_read")]
    [InlineData("probe_read, probe_write")]
    [InlineData("probe_write;probe_read")]
    [InlineData("\"probe_write\"")]
    [InlineData("probe%5Fwrite")]
    [InlineData("=?base64?cHJvYmVfcmVhZA==?=")]
    [InlineData("=?base64?!!!?=")]
    [InlineData("=?base64??=")]
    [InlineData("=?base64?cHJvYmVfd3JpdGU")]
    [InlineData("=?utf-8?B?cHJvYmVfd3JpdGU=?=")]
    [InlineData("x=?base64?cHJvYmVfd3JpdGU=?=")]
    [InlineData("=?base64?cHJvYmVfd3JpdGUA?=")]
    [InlineData("=?base64?PT9iYXNlNjQ/Y0hKdlltVmZkM0pwZEdVPT89?=")]
    public async Task A_name_in_the_header_that_is_not_the_bodys_is_refused(string? name) =>
        await target.RefusesAsync(Expected.HeaderMismatch, Target.Call("probe_write").WithHeader("Mcp-Name", name), Token);

    [Theory]
    [Trait("Attack", "B09")]
    [InlineData("tools/list")]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Tools/Call")]
    [InlineData("tools/call, tools/list")]
    [InlineData("=?base64?dG9vbHMvbGlzdA==?=")]
    public async Task A_method_in_the_header_that_is_not_the_bodys_is_refused(string? method) =>
        await target.RefusesAsync(Expected.HeaderMismatch, Target.Call("probe_write").WithHeader("Mcp-Method", method), Token);

    [Theory]
    [Trait("Attack", "B09")]
    [InlineData("Mcp-Name: probe_write\nMcp-Name: probe_read\n")]
    [InlineData("Mcp-Name: probe_read\nmcp-name: probe_write\n")]
    [InlineData("Mcp-Name: probe_write\nMCP-NAME: probe_write\n")]
    [InlineData("Mcp-Name: probe_write\nMcp-Name:\n")]
    [InlineData("Mcp-Name: probe_write\nMcp-Method: tools/list\n")]
    [InlineData("Mcp-Name: probe_write\nmcp-method: tools/call\n")]
    public async Task Of_two_headers_of_one_name_neither_counts(string headers) =>
        target.Refused(Expected.HeaderMismatch, await target.SendRawAsync(Modern(headers)));

    [Theory]
    [Trait("Attack", "B09")]
    [InlineData("Mcp-Name: probe_write\u00e9\n")]
    [InlineData("Mcp-Name: pr\u043ebe_write\n")]
    [InlineData("Mcp-Name: probe_write\u200b\n")]
    [InlineData("Mcp-Name: probe\tx\n")]
    public async Task A_name_in_raw_UTF8_is_refused(string header) =>
        target.Refused(Expected.HeaderMismatch, await target.SendRawAsync(Modern(header)));

    [Theory]
    [Trait("Attack", "B09")]
    [InlineData(new byte[] { 0xFF, 0xFE })]
    [InlineData(new byte[] { 0xC0, 0xAF })]
    [InlineData(new byte[] { 0x00 })]
    [InlineData(new byte[] { 0x0D })]
    [InlineData(new byte[] { 0x0D, 0x58 })]
    public async Task A_name_in_broken_UTF8_or_with_control_characters_ends_the_connection(byte[] bytes)
    {
        var request = RawHttp.Replace(RawHttp.Bytes(Modern("Mcp-Name: probe_write{bytes}\n")), "{bytes}", Encoding.Latin1.GetString(bytes));

        target.Refused(Expected.Http(400), await target.SendRawAsync(request));
    }

    [Fact]
    [Trait("Attack", "B09")]
    public async Task A_line_break_in_a_name_makes_another_header_and_no_name()
    {
        var reply = await target.SendRawAsync(Modern("Mcp-Name: probe_read\nMcp-Name2: probe_write\nX-Injected: yes\n"));

        target.Refused(Expected.HeaderMismatch, reply);
        Assert.DoesNotContain("Injected", reply.Headers, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [Trait("Attack", "B11")]
    [InlineData("2025-11-25")]
    [InlineData("2025-06-18")]
    [InlineData("2025-03-26")]
    [InlineData(null)]
    public async Task For_older_versions_too_headers_that_are_sent_must_agree(string? version)
    {
        var call = Target.Call("probe_write", legacy: true).WithHeader("MCP-Protocol-Version", version);

        await target.RefusesAsync(Expected.HeaderMismatch, call.WithHeader("Mcp-Method", "tools/list"), Token);
        await target.RefusesAsync(Expected.HeaderMismatch, call.WithHeader("Mcp-Name", "probe_read"), Token);
        await target.RefusesAsync(Expected.HeaderMismatch, call.WithHeader("Mcp-Method", "tools/call").WithHeader("Mcp-Name", "probe_read"), Token);
        await target.RefusesAsync(Expected.HeaderMismatch, Message.List(legacy: true).WithHeader("MCP-Protocol-Version", version).WithHeader("Mcp-Name", "probe_read"), Token);
    }

    [Theory]
    [Trait("Attack", "B11")]
    [InlineData("2024-11-05")]
    [InlineData("2099-01-01")]
    [InlineData("2026-07-27")]
    [InlineData("DRAFT-2026-v1")]
    [InlineData("latest")]
    [InlineData("2026-07-28, 2025-11-25")]
    [InlineData("2026-07-28;q=1")]
    [InlineData("'2026-07-28'")]
    [InlineData("")]
    public async Task A_version_that_is_not_served_is_refused_with_those_that_are(string version)
    {
        var reply = await target.RefusesAsync(Expected.VersionNotServed, Target.Call("probe_write", legacy: true).WithHeader("MCP-Protocol-Version", version), Token);

        Assert.Equal(
            ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
            reply.Body.GetProperty("error").GetProperty("data").GetProperty("supported").EnumerateArray().Select(item => item.GetString()));
    }

    [Fact]
    [Trait("Attack", "B11")]
    public async Task A_message_that_says_its_version_itself_is_told_the_ones_that_server_discover_names()
    {
        var unknown = Message.Of("tools/list", []);
        var reply = await target.RefusesAsync(Expected.VersionNotServed, unknown.With(unknown.Body.Replace("2026-07-28", "2099-01-01", StringComparison.Ordinal)).WithHeader("MCP-Protocol-Version", "2099-01-01"), Token);

        Assert.Equal(["2026-07-28"], reply.Body.GetProperty("error").GetProperty("data").GetProperty("supported").EnumerateArray().Select(item => item.GetString()));
    }

    [Theory]
    [Trait("Attack", "B11")]
    [InlineData("{}")]
    [InlineData("""{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}""")]
    [InlineData("""{"protocolVersion":"2026-07-28","capabilities":{},"clientInfo":{"name":"x","version":"1"}}""")]
    [InlineData("""{"protocolVersion":7}""")]
    public async Task A_version_without_a_handshake_has_no_initialize_whatever_its_params(string parameters) =>
        await target.RefusesAsync(Expected.UnknownMethod(legacy: false), Message.Of("initialize", JsonNode.Parse(parameters)!.AsObject()), Token);

    [Theory]
    [Trait("Attack", "own: two versions")]
    [InlineData("MCP-Protocol-Version: 2025-11-25\n")]
    [InlineData("mcp-protocol-version: 2026-07-28\n")]
    [InlineData("MCP-Protocol-Version:\n")]
    public async Task Of_two_versions_in_two_headers_neither_counts(string second)
    {
        var reply = await target.SendRawAsync(Modern($"Mcp-Name: probe_write\n{second}"));

        Assert.Contains(reply.ErrorCode, (int?[])[-32020, -32022]);
        Assert.Equal(400, (int)reply.Status);
        target.NothingRan(reply);
    }

    [Theory]
    [Trait("Attack", "own: a body of one version under the header of another")]
    [InlineData("2025-11-25", "2026-07-28")]
    [InlineData("2026-07-28", "2025-11-25")]
    [InlineData("2026-07-28", "2024-11-05")]
    [InlineData("2025-06-18", "2025-11-25")]
    [InlineData(null, "2026-07-28")]
    public async Task The_version_of_the_header_and_that_of_the_body_are_one(string? header, string body)
    {
        var call = Target.Call("probe_write");

        await target.RefusesAsync(
            Expected.HeaderMismatch,
            call.With(call.Body.Replace("2026-07-28", body, StringComparison.Ordinal)).WithHeader("MCP-Protocol-Version", header), Token);
    }

    [Theory]
    [Trait("Attack", "own: a modern request without what it must say of itself")]
    [InlineData("{}")]
    [InlineData("""{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}""")]
    [InlineData("""{"io.modelcontextprotocol/protocolVersion":20260728,"io.modelcontextprotocol/clientCapabilities":{}}""")]
    [InlineData("""{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}""")]
    [InlineData("""{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":null}""")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    public async Task Meta_that_is_missing_is_named(string meta)
    {
        var call = Target.Call("probe_write");

        await target.RefusesAsync(
            new Expected(400, -32602, "deny", "invalid_params"),
            call.With("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"probe_write\",\"arguments\":{},\"_meta\":" + meta + "}}"), Token);
    }

    [Theory]
    [Trait("Attack", "own: Mcp-Name of another member")]
    [InlineData("resources/read", "name", "probe_read")]
    [InlineData("prompts/get", "uri", "probe_read")]
    [InlineData("tools/call", "uri", "probe_read")]
    public async Task The_name_in_the_header_is_that_of_what_is_asked_for_and_not_of_a_member_beside_it(string method, string beside, string value)
    {
        // A proxy that goes by Mcp-Name must see what the gateway sees: the uri of a resource, the name of anything else.
        var parameters = new JsonObject
        {
            [beside] = value,
            [beside == "name" ? "uri" : "name"] = method switch
            {
                "resources/read" => "probe://secret/fixed",
                "prompts/get" => "probe_prompt",
                _ => "probe_write",
            }
        };

        await target.RefusesAsync(Expected.HeaderMismatch, Message.Of(method, (JsonObject)parameters.DeepClone(), legacy: true).WithHeader("Mcp-Name", value), Token);
        await target.RefusesAsync(Expected.HeaderMismatch, Message.Of(method, parameters, value), Token);
    }

    [Theory]
    [Trait("Attack", "own: initialize with any version")]
    [InlineData("\"2025-11-25\"")]
    [InlineData("\"2025-03-26\"")]
    [InlineData("\"2026-07-28\"")]
    [InlineData("\"2099-01-01\"")]
    [InlineData("\"zzzz\"")]
    [InlineData("\"2024-11-05\"")]
    [InlineData("\"1\"")]
    [InlineData("\"\"")]
    [InlineData("20251125")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    public async Task What_initialize_agrees_on_is_a_version_that_is_served_or_nothing(string version)
    {
        var reply = await target.SendAsync(
            Message.List(legacy: true).With($$"""{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":{{version}},"capabilities":{},"clientInfo":{"name":"x","version":"1"} } }"""),
            $"Bearer {Token}");

        Target.Silent(reply);
        Assert.DoesNotContain("Mcp-Session-Id", reply.Headers, StringComparison.OrdinalIgnoreCase);
        if (reply.IsResult)
        {
            Assert.Contains(reply.Body.GetProperty("result").GetProperty("protocolVersion").GetString(), (string[])["2025-11-25", "2025-06-18", "2025-03-26"]);
        }
        else
        {
            // A version that is not served; or what is no version at all, which is not valid params.
            Assert.Equal((HttpStatusCode.BadRequest, version.StartsWith('"') || version == "null" ? -32022 : -32602), (reply.Status, reply.ErrorCode));
        }
    }

    [Fact]
    [Trait("Attack", "own: GW-10, old clients switched off")]
    public async Task Where_older_clients_are_not_served_none_of_their_ways_in_is_open()
    {
        await using var own = await Target.StartAsync(null, ("Mcp:LegacyClients", "false"));
        var token = own.TokenWith("files:read files:write");
        foreach (var version in (string?[])["2025-11-25", "2025-06-18", "2025-03-26", null, ""])
        {
            await own.RefusesAsync(Expected.VersionNotServed, Target.Call("probe_write", legacy: true).WithHeader("MCP-Protocol-Version", version), token);
            await own.RefusesAsync(Expected.VersionNotServed, Message.Of("initialize", new JsonObject
            {
                ["protocolVersion"] = "2025-11-25",
                ["capabilities"] = new JsonObject(),
                ["clientInfo"] = new JsonObject { ["name"] = "x", ["version"] = "1" },
            }, legacy: true).WithHeader("MCP-Protocol-Version", version is null ? null : "2025-11-25"), token);
        }
    }

    private string Modern(string headers)
    {
        var body = Target.Call("probe_write").Body;
        return $"POST /mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\nAuthorization: Bearer {Token}\nMCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\n{headers}"
            + $"traceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: application/json\nAccept: application/json, text/event-stream\nContent-Length: {body.Length}\nConnection: close\n\n{body}";
    }
}
