using System.Diagnostics;
using System.Net;
using System.Text;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Blocks B and E, as far as they are about the message: one that can be read in two ways, or in none, is not carried out.</summary>
public sealed class MessageAttacks(Target target)
{
    private const string Good = """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write","arguments":{}}}""";

    private string Token => target.TokenWith("files:read files:write");

    [Fact]
    public async Task The_message_that_all_of_these_are_made_from_is_carried_out() =>
        Assert.Equal(["probe_write"], target.Probes.Of((await SendAsync(Good)).Trace));

    [Theory]
    [Trait("Attack", "B04")]
    [InlineData("\"name\":", "\"Name\":")]
    [InlineData("\"name\":", "\"NAME\":")]
    [InlineData("\"name\":", "\"na\\u006De\":\"probe_read\",\"Name\":")]
    [InlineData("\"name\":", "\"name\":\"probe_read\",\"Name\":")]
    [InlineData("\"name\":", "\"NAME\":\"probe_read\",\"name\":")]
    [InlineData("\"params\":", "\"param\u017f\":")]
    [InlineData("\"params\":", "\"param\\u017f\":")]
    [InlineData("\"params\":", "\"Params\":")]
    [InlineData("\"params\":", "\"params\":{\"name\":\"probe_read\"},\"PARAMS\":")]
    [InlineData("\"method\":", "\"Method\":")]
    [InlineData("\"method\":", "\"method\":\"tools/list\",\"METHOD\":")]
    [InlineData("\"method\":", "\"meth\u03bfd\":\"tools/list\",\"method\":")]
    [InlineData("\"arguments\":", "\"Arguments\":")]
    [InlineData("\"arguments\":", "\"argument\u017f\":")]
    [InlineData("\"id\":", "\"ID\":")]
    [InlineData("\"id\":", "\"\u0131d\":")]
    [InlineData("\"jsonrpc\":\"2.0\",", "\"jsonrpc\":\"2.0\",\"JsonRpc\":\"1.0\",")]
    [InlineData("\"arguments\":", "\"_META\":{},\"arguments\":")]
    [InlineData("\"arguments\":", "\"_meta\":{\"IO.modelcontextprotocol/protocolVersion\":\"2026-07-28\"},\"arguments\":")]
    [InlineData("\"arguments\":", "\"uri\":\"x\",\"URI\":\"y\",\"arguments\":")]
    [InlineData("\"arguments\":", "\"\uff4eame\":\"x\",\"arguments\":")]
    public async Task A_name_that_is_a_variant_of_a_known_one_makes_the_message_bad(string exact, string variant) =>
        await RefusesAsync(Expected.NotAMessage, Good.Replace(exact, variant, StringComparison.Ordinal));

    [Theory]
    [Trait("Attack", "B04")]
    [InlineData("\"Name\"")]
    [InlineData("\"NAME\"")]
    public async Task Nor_does_a_header_that_agrees_with_the_variant_help(string name)
    {
        var call = Target.Call("probe_write");

        await target.RefusesAsync(Expected.NotAMessage, call.With(call.Body.Replace("\"name\":\"probe_write\"", $"{name}:\"probe_write\"", StringComparison.Ordinal)), Token);
    }

    [Theory]
    [Trait("Attack", "own: GW-08, duplicates")]
    [InlineData("\"name\":", "\"name\":\"probe_read\",\"name\":")]
    [InlineData("\"name\":", "\"n\\u0061me\":\"probe_read\",\"name\":")]
    [InlineData("\"params\":", "\"params\":{\"name\":\"probe_read\"},\"params\":")]
    [InlineData("\"method\":", "\"method\":\"tools/list\",\"method\":")]
    [InlineData("\"method\":", "\"method\":\"tools/list\",\"\\u006dethod\":")]
    [InlineData("\"id\":7", "\"id\":7,\"id\":7")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":\"2.0\",\"jsonrpc\":\"2.0\"")]
    [InlineData("\"arguments\":{}", "\"arguments\":{},\"arguments\":{}")]
    [InlineData("\"arguments\":{}", "\"arguments\":{\"a\":1,\"a\":2}")]
    [InlineData("\"arguments\":{}", "\"arguments\":{\"a\":[{\"b\":{\"c\":1,\"\\u0063\":2}}]}")]
    [InlineData("\"arguments\":{}", "\"_meta\":{\"x\":1,\"x\":1},\"arguments\":{}")]
    [InlineData("\"arguments\":{}", "\"arguments\":{\"\":1,\"\":2}")]
    public async Task A_member_that_stands_there_twice_makes_the_message_bad(string once, string twice) =>
        await RefusesAsync(Expected.NotJson, Good.Replace(once, twice, StringComparison.Ordinal));

    [Theory]
    [Trait("Attack", "E14")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":\"1.0\"")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":2.0")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":\"2.0 \"")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":[\"2.0\"]")]
    [InlineData("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":null")]
    [InlineData("\"jsonrpc\":\"2.0\",", "")]
    [InlineData("\"id\":7", "\"id\":null")]
    [InlineData("\"id\":7", "\"id\":{}")]
    [InlineData("\"id\":7", "\"id\":[7]")]
    [InlineData("\"id\":7", "\"id\":true")]
    [InlineData("\"id\":7", "\"id\":1.5")]
    [InlineData("\"id\":7", "\"id\":7.0")]
    [InlineData("\"id\":7", "\"id\":7e0")]
    [InlineData("\"id\":7", "\"id\":1e400")]
    [InlineData("\"id\":7", "\"id\":9223372036854775808")]
    [InlineData("\"id\":7", "\"id\":-9223372036854775809")]
    [InlineData("\"id\":7", "\"id\":111111111111111111111111111111111111111111111111111111111111111111111111111111")]
    [InlineData("\"method\":\"tools/call\"", "\"method\":5")]
    [InlineData("\"method\":\"tools/call\"", "\"method\":null")]
    [InlineData("\"method\":\"tools/call\"", "\"method\":[\"tools/call\"]")]
    [InlineData("\"method\":\"tools/call\"", "\"method\":{}")]
    [InlineData("\"method\":\"tools/call\",", "")]
    [InlineData("{\"name\":\"probe_write\",\"arguments\":{}}", "[]")]
    [InlineData("{\"name\":\"probe_write\",\"arguments\":{}}", "[{\"name\":\"probe_write\"}]")]
    [InlineData("{\"name\":\"probe_write\",\"arguments\":{}}", "null")]
    [InlineData("{\"name\":\"probe_write\",\"arguments\":{}}", "\"probe_write\"")]
    [InlineData("{\"name\":\"probe_write\",\"arguments\":{}}", "5")]
    public async Task A_message_whose_parts_are_of_another_kind_is_bad(string good, string bad) =>
        await RefusesAsync(Expected.NotAMessage, Good.Replace(good, bad, StringComparison.Ordinal));

    [Fact]
    [Trait("Attack", "E14")]
    public async Task An_id_of_a_megabyte_is_no_id()
    {
        await RefusesAsync(Expected.NotAMessage, Good.Replace("7", $"\"{new string('7', 1_000_000)}\"", StringComparison.Ordinal));
        await RefusesAsync(Expected.NotAMessage, Good.Replace("7", $"\"{new string('7', 257)}\"", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Attack", "E14")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":5")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":null")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":[\"probe_write\"]")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":{\"name\":\"probe_write\"}")]
    public async Task A_name_that_is_no_text_is_a_bad_message(string good, string bad)
    {
        var reply = await SendAsync(Good.Replace(good, bad, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains(reply.ErrorCode, (int?[])[-32600, -32602]);
        target.NothingRan(reply);
        target.Recorded(reply.Trace, "deny", "[a-z_]+");
    }

    [Theory]
    [Trait("Attack", "E14")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("\"x\"")]
    [InlineData("[]")]
    public async Task Arguments_that_are_no_object_are_a_bad_message(string arguments)
    {
        foreach (var tool in (string[])["probe_write", "list_projects", "list_directory"])
        {
            var reply = await target.SendAsync(
                Message.List(legacy: true).With(Good.Replace("probe_write", tool, StringComparison.Ordinal).Replace("{}", arguments, StringComparison.Ordinal)),
                $"Bearer {target.TokenWith("files:read files:write projects:read")}");

            Assert.True(reply.Status == HttpStatusCode.BadRequest, $"{tool}: {(int)reply.Status} {reply.Text}");
            Assert.Contains(reply.ErrorCode, (int?[])[-32600, -32602]);
            target.NothingRan(reply);
        }
    }

    [Theory]
    [Trait("Attack", "own: ids that must come back as they were")]
    [InlineData("\"7\"")]
    [InlineData("\"\"")]
    [InlineData("\"\\u0061\"")]
    [InlineData("\"a\\/b\"")]
    [InlineData("\"caf\u00e9 \ud83d\ude00\"")]
    [InlineData("\"caf\\u00E9\"")]
    [InlineData("\"<script>'&+\"")]
    [InlineData("\"\\\"quoted\\\"\"")]
    [InlineData("\"\\r\\nSet-Cookie: x\"")]
    [InlineData("\"\\u0000\"")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("-0")]
    [InlineData("9223372036854775807")]
    [InlineData("-9223372036854775808")]
    public async Task An_id_of_any_legal_form_is_served_and_echoed(string id)
    {
        using var expected = System.Text.Json.JsonDocument.Parse(id);

        var served = await SendAsync(Good.Replace("7", id, StringComparison.Ordinal));
        var refused = await SendAsync(Good.Replace("7", id, StringComparison.Ordinal).Replace("probe_write", "no_such_tool", StringComparison.Ordinal));

        Assert.Equal(-32602, refused.ErrorCode);
        Assert.Equal(expected.RootElement.ToString().TrimStart('-'), refused.Body.GetProperty("id").ToString().TrimStart('-'));
        Assert.Equal(HttpStatusCode.OK, served.Status);
        Assert.True(served.IsResult, served.Text);
        Assert.Equal(["probe_write"], target.Probes.Of(served.Trace));
        Assert.Equal(expected.RootElement.ToString().TrimStart('-'), served.Body.GetProperty("id").ToString().TrimStart('-'));
        Assert.DoesNotContain("Set-Cookie", served.Headers + refused.Headers, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [Trait("Attack", "own: batches and other documents")]
    [InlineData("[{good}]")]
    [InlineData("[{good},{good}]")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("7")]
    [InlineData("\"tools/call\"")]
    [InlineData("{}")]
    [InlineData("{\"message\":{good}}")]
    public async Task What_is_not_one_message_is_none(string body) =>
        await RefusesAsync(Expected.NotAMessage, body.Replace("{good}", Good, StringComparison.Ordinal));

    [Theory]
    [Trait("Attack", "own: nearly JSON")]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("{good}{good}")]
    [InlineData("{good}\n{good}")]
    [InlineData("{good},")]
    [InlineData("{good}\u0000")]
    [InlineData("\ufeff{good}")]
    [InlineData("\u001e{good}")]
    [InlineData("// x\n{good}")]
    [InlineData("/**/{good}")]
    [InlineData(")]}'\n{good}")]
    [InlineData("{'jsonrpc':'2.0','id':7,'method':'tools/call','params':{'name':'probe_write'}}")]
    [InlineData("{jsonrpc:\"2.0\",id:7,method:\"tools/call\",params:{name:\"probe_write\"}}")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write",}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":07,"method":"tools/call","params":{"name":"probe_write"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":+7,"method":"tools/call","params":{"name":"probe_write"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":0x7,"method":"tools/call","params":{"name":"probe_write"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":NaN,"method":"tools/call","params":{"name":"probe_write"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write","x":Infinity}}""")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"probe_write\t\"}}")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write\x41"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe_write"}""")]
    [InlineData("%7B%7D")]
    [InlineData("message={good}")]
    public async Task What_is_nearly_JSON_is_not_JSON(string body) =>
        await RefusesAsync(Expected.NotJson, body.Replace("{good}", Good, StringComparison.Ordinal));

    [Theory]
    [Trait("Attack", "own: lone surrogates")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":\"probe_write\\ud800\"")]
    [InlineData("\"name\":\"probe_write\"", "\"name\":\"\\udc00\"")]
    [InlineData("\"method\":\"tools/call\"", "\"method\":\"tools/call\\ud800\"")]
    [InlineData("\"id\":7", "\"id\":\"\\ud800\"")]
    [InlineData("\"arguments\":{}", "\"arguments\":{\"\\ud800\":1}")]
    [InlineData("\"arguments\":{}", "\"_meta\":{\"\\ud800\":1},\"arguments\":{}")]
    public async Task Half_a_character_is_no_text(string good, string bad)
    {
        var reply = await SendAsync(Good.Replace(good, bad, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains(reply.ErrorCode, (int?[])[-32700, -32600]);
        target.NothingRan(reply);
        target.Recorded(reply.Trace, "deny", "malformed_[a-z]+");
    }

    [Theory]
    [Trait("Attack", "own: lone surrogates in arguments")]
    [InlineData("{\"project\":\"\\ud800\"}")]
    [InlineData("{\"project\":\"welcome\",\"path\":\"\\udfff\"}")]
    [InlineData("{\"project\":\"welcome\",\"path\":\"a\\ud800b\"}")]
    [InlineData("{\"project\":\"welcome\",\"x\":\"\\ud800\"}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":1e400}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":99999999999999999999}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":1.5}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":-0}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":1e0}")]
    [InlineData("{\"project\":\"welcome\",\"limit\":1E-400}")]
    [InlineData("{\"project\":\"2026-07-28T00:00:00Z\"}")]
    [InlineData("{\"project\":\"\\/Date(1)\\/\"}")]
    [InlineData("{\"$ref\":\"#\",\"project\":\"welcome\"}")]
    [InlineData("{\"$type\":\"System.IO.FileInfo, System.Private.CoreLib\",\"project\":\"welcome\"}")]
    [InlineData("{\"$id\":\"1\",\"project\":{\"$ref\":\"1\"}}")]
    [InlineData("{\"__proto__\":{},\"project\":\"welcome\"}")]
    [InlineData("{\"project\":\"welcome\",\"Project\":\"other\"}")]
    [InlineData("{\"\":1,\"project\":\"welcome\"}")]
    public async Task An_argument_that_makes_no_sense_is_a_plain_sentence_or_a_bad_message(string arguments)
    {
        var reply = await target.SendAsync(
            Message.List(legacy: true).With(Good.Replace("probe_write", "list_directory", StringComparison.Ordinal).Replace("{}", arguments, StringComparison.Ordinal)), $"Bearer {Token}");

        Target.Silent(reply);
        Assert.True(reply.IsToolError || (reply.Status == HttpStatusCode.BadRequest && reply.ErrorCode is -32600 or -32602 or -32700), $"{(int)reply.Status} {reply.Text}");
        Assert.DoesNotContain("could not do this", reply.Text, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "own: texts that a lenient reader takes for something else")]
    [InlineData("2026-07-28T00:00:00Z")]
    [InlineData("2026-07-28")]
    [InlineData("/Date(1)/")]
    [InlineData("NaN")]
    [InlineData("null")]
    [InlineData("5")]
    public async Task A_text_stays_a_text(string text)
    {
        var reply = await SendAsync(Good.Replace("probe_write", "list_directory", StringComparison.Ordinal).Replace("{}", $"{{\"project\":\"{text}\"}}", StringComparison.Ordinal));

        Assert.True(reply.IsToolError);
        Assert.DoesNotContain("must be", reply.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("could not do this", reply.Text, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "own: encodings")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    [InlineData("utf-7")]
    [InlineData("overlong")]
    [InlineData("overlong quote")]
    [InlineData("surrogates")]
    [InlineData("latin1")]
    [InlineData("truncated")]
    public async Task What_is_not_UTF8_is_not_JSON(string encoding)
    {
        var body = encoding switch
        {
            "utf-16" or "utf-16BE" or "utf-32" => Encoding.GetEncoding(encoding).GetBytes(Good),
            "utf-7" => Encoding.ASCII.GetBytes(Good.Replace("{", "+AHs-", StringComparison.Ordinal)),
            "overlong" => Bytes(Good.Replace("arguments\":{}", "arguments\":{\"a\":\"*\"}", StringComparison.Ordinal), [0xC0, 0xAF]),
            "overlong quote" => Bytes(Good.Replace("arguments\":{}", "arguments\":{},\"x\":\"*\"", StringComparison.Ordinal), [0xC0, 0xA2]),
            "surrogates" => Bytes(Good.Replace("probe_write", "probe_write*", StringComparison.Ordinal), [0xED, 0xA0, 0x80]),
            "latin1" => Bytes(Good.Replace("probe_write", "probe_write*", StringComparison.Ordinal), [0xE9]),
            _ => Bytes(Good.Replace("probe_write", "probe_write*", StringComparison.Ordinal), [0xF0, 0x9F]),
        };

        target.Refused(Expected.NotJson, await target.SendRawAsync([.. Head("application/json", body.Length), .. body]));
    }

    [Theory]
    [Trait("Attack", "own: charsets")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=utf-7")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData("application/json; charset=ibm500")]
    [InlineData("application/json; charset=utf-16; charset=utf-8")]
    [InlineData("application/json;charset=\"utf-16\"")]
    [InlineData("application/json; charset=x")]
    public async Task Another_charset_is_refused_whatever_the_bytes_are(string contentType)
    {
        target.Refused(Expected.WrongMediaType, await target.SendRawAsync([.. Head(contentType, Good.Length), .. Encoding.UTF8.GetBytes(Good)]));
        var wide = Encoding.Unicode.GetBytes(Good);
        target.Refused(Expected.WrongMediaType, await target.SendRawAsync([.. Head(contentType, wide.Length), .. wide]));
    }

    [Theory]
    [Trait("Attack", "own: a first charset that is right and a second that is not")]
    [InlineData("application/json; charset=utf-8; charset=utf-16")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json; CHARSET=UTF-8")]
    [InlineData("application/json; x=y")]
    public async Task Gateway_and_SDK_read_the_same_bytes(string contentType)
    {
        var wide = Encoding.Unicode.GetBytes(Good);
        target.Refused(Expected.NotJson, await target.SendRawAsync([.. Head(contentType, wide.Length), .. wide]));

        var reply = await target.SendRawAsync([.. Head(contentType, Good.Length), .. Encoding.UTF8.GetBytes(Good)]);
        Assert.True(reply.Status == HttpStatusCode.UnsupportedMediaType || target.Probes.Of(reply.Trace).SequenceEqual(["probe_write"]));
    }

    [Theory]
    [Trait("Attack", "E12")]
    [InlineData(33)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    [InlineData(10_000)]
    [InlineData(400_000)]
    public async Task A_message_that_is_too_deep_is_refused_at_once(int depth)
    {
        foreach (var (open, close) in ((string, string)[])[("[", "]"), ("{\"a\":", "}")])
        {
            // Two levels are those of the message and its params.
            var levels = Math.Min(depth, 1_000_000 / (open.Length + close.Length)) - 2;
            var nest = string.Concat(Enumerable.Repeat(open, levels)) + (open == "[" ? "" : "1") + string.Concat(Enumerable.Repeat(close, levels));

            await QuicklyAsync(() => RefusesAsync(Expected.NotJson, Good.Replace("{}", nest, StringComparison.Ordinal)));
            await QuicklyAsync(() => RefusesAsync(Expected.NotJson, Good.Replace("\"arguments\"", $"\"x\":{nest},\"arguments\"", StringComparison.Ordinal)));
        }
    }

    [Fact]
    [Trait("Attack", "own: exactly 32 levels")]
    public async Task Thirty_two_levels_are_read()
    {
        var nest = new string('[', 30) + new string(']', 30);

        var reply = await SendAsync(Good.Replace("\"arguments\"", $"\"x\":{nest},\"arguments\"", StringComparison.Ordinal));

        Assert.Equal(["probe_write"], target.Probes.Of(reply.Trace));
        Assert.True((await SendAsync(Good.Replace("\"arguments\":{}", $"\"arguments\":{{\"x\":{nest[1..^1]}}}", StringComparison.Ordinal))).IsToolError);
    }

    [Fact]
    [Trait("Attack", "E12")]
    public async Task What_is_too_large_is_refused_at_once_wherever_it_is()
    {
        string[] large =
        [
            Good.Replace("{}", $"{{\"x\":[{string.Join(',', Enumerable.Repeat("0", 1_000_000))}]}}", StringComparison.Ordinal),
            Good.Replace("{}", $"{{\"x\":\"{new string('x', 5_000_000)}\"}}", StringComparison.Ordinal),
            Good.Replace("{}", $"{{\"{new string('x', 1_050_000)}\":1}}", StringComparison.Ordinal),
            Good + new string(' ', 1_050_000),
        ];

        foreach (var body in large)
        {
            await QuicklyAsync(async () =>
            {
                var reply = await SendAsync(body);

                target.Answered(Expected.TooLarge, reply);
                target.NothingRan(reply);
            });
        }
    }

    [Fact]
    [Trait("Attack", "E12")]
    public async Task What_just_fits_and_makes_no_sense_is_answered_at_once()
    {
        string[] arguments =
        [
            $"{{\"{new string('x', 1_000_000)}\":1}}",
            $"{{\"project\":\"{new string('x', 1_000_000)}\"}}",
            $"{{\"project\":[{string.Join(',', Enumerable.Repeat("0", 450_000))}]}}",
            $"{{{string.Join(',', Enumerable.Range(0, 80_000).Select(i => $"\"{i:x5}\":0"))}}}",
            $"{{\"project\":{new string('9', 1_000_000)}}}",
            $"{{\"limit\":1e{new string('9', 1_000)}}}",
            $"{{\"project\":\"{string.Concat(Enumerable.Repeat("\\u0000", 150_000))}\"}}",
        ];

        foreach (var argument in arguments)
        {
            await QuicklyAsync(async () =>
            {
                var reply = await SendAsync(Good.Replace("probe_write", "list_directory", StringComparison.Ordinal).Replace("{}", argument, StringComparison.Ordinal));

                Assert.True(reply.IsToolError || reply.Status == HttpStatusCode.BadRequest, $"{(int)reply.Status} {reply.Text[..Math.Min(200, reply.Text.Length)]}");
                Assert.True(reply.Text.Length < 2_000);
                Target.Silent(reply);
            });
        }
    }

    [Fact]
    [Trait("Attack", "own: members that nobody knows")]
    public async Task Members_without_a_meaning_are_passed_over_quickly()
    {
        string[] beside =
        [
            $"\"{new string('x', 1_000_000)}\":1",
            $"\"x\":[{string.Join(',', Enumerable.Repeat("0", 450_000))}]",
            string.Join(',', Enumerable.Range(0, 80_000).Select(i => $"\"{i:x5}\":0")),
            $"\"x\":[{string.Join(',', Enumerable.Repeat("{}", 300_000))}]",
        ];

        foreach (var members in beside)
        {
            await QuicklyAsync(async () =>
            {
                var reply = await SendAsync(Good.Replace("\"arguments\"", $"{members},\"arguments\"", StringComparison.Ordinal));

                Assert.Equal(["probe_write"], target.Probes.Of(reply.Trace));
            });
        }
    }

    [Theory]
    [Trait("Attack", "own: messages of two kinds at once")]
    [InlineData("\"id\":7,", "\"id\":7,\"result\":{},")]
    [InlineData("\"id\":7,", "\"id\":7,\"error\":{\"code\":1,\"message\":\"x\"},")]
    [InlineData("\"id\":7,", "\"id\":7,\"result\":{},\"error\":{\"code\":1,\"message\":\"x\"},")]
    public async Task A_request_that_is_an_answer_too_is_never_carried_out_as_something_else(string good, string bad)
    {
        var reply = await target.SendAsync(Message.List(legacy: true).With(Good.Replace(good, bad, StringComparison.Ordinal)), $"Bearer {target.Tokens.Forge()}");

        target.Refused(Expected.ScopeMissing("files:write"), reply);
        var allowed = await SendAsync(Good.Replace(good, bad, StringComparison.Ordinal));
        Assert.True(allowed.Status is HttpStatusCode.BadRequest || target.Probes.Of(allowed.Trace).SequenceEqual(["probe_write"]), $"{(int)allowed.Status} {allowed.Text}");
    }

    [Theory]
    [Trait("Attack", "own: answers that nobody asked for")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"result":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"x"}}""")]
    public async Task An_answer_to_no_question_is_a_bad_message(string body) => await RefusesAsync(Expected.NotAMessage, body);

    [Theory]
    [Trait("Attack", "own: cancelling what others do")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1e400}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/initialized","params":{"name":"probe_write"}}""")]
    public async Task A_notification_is_taken_and_changes_nothing(string body)
    {
        var reply = await SendAsync(body);

        Assert.Contains((int)reply.Status, (int[])[202, 400]);
        target.NothingRan(reply);
    }

    private static byte[] Bytes(string text, byte[] star) =>
        [.. Encoding.UTF8.GetBytes(text[..text.IndexOf('*', StringComparison.Ordinal)]), .. star, .. Encoding.UTF8.GetBytes(text[(text.IndexOf('*', StringComparison.Ordinal) + 1)..])];

    private static async Task QuicklyAsync(Func<Task> attack)
    {
        var watch = Stopwatch.StartNew();
        await attack();

        // One second, and as much again for the machine that runs the other tests at the same time.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private byte[] Head(string contentType, int length) => RawHttp.Bytes(
        $"POST /mcp HTTP/1.1\nHost: {target.Server.Url.Authority}\nAuthorization: Bearer {Token}\ntraceparent: 00-{{trace}}-00f067aa0ba902b7-01\nContent-Type: {contentType}\n"
        + $"Accept: application/json, text/event-stream\nContent-Length: {length}\nConnection: close\n\n");

    private Task<Reply> SendAsync(string body) => target.SendAsync(Message.List(legacy: true).With(body), $"Bearer {Token}");

    private Task<Reply> RefusesAsync(Expected expected, string body) => target.RefusesAsync(expected, Message.List(legacy: true).With(body), Token);
}
