using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// Every tool, and requests with tokens in every odd place, while a collector receives all telemetry, a logger all lines and the audit all records: of tokens, secrets,
/// contents and paths of files none of them has a word.
/// </summary>
public sealed class CanaryTests
{
    private const string All = "projects:read projects:write projects:share files:read files:write files:delete drive:read drive:write people:read";
    private const string Content = "canary-content-4711";
    private const string Named = "Canary_Name_4712";

    /// <summary>What the collector must have heard of, calls and refusals, or its silence means nothing.</summary>
    private static readonly string[] Heard =
    [
        "tools/call read_text_file", "gateway", "header_mismatch", "scope_missing", "unknown_target", "no_token", "mcp_files_server.decisions",
        "mcp_files_server.audit.commit.duration", "mcp.server.operation.duration",
    ];

    [Fact]
    [Trait("Attack", "A32")]
    public async Task Nothing_that_a_client_sent_in_confidence_leaves_by_a_side_door()
    {
        await using var collector = await Collector.StartAsync();
        var log = new Lines();
        string audit, secret;
        var confidential = new List<string> { Content, Named };
        await using (var server = await Server.StartAsync(
            services => services.AddSingleton<ILoggerProvider>(log),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000"), ("OTEL_BSP_SCHEDULE_DELAY", "200")))
        {
            using var outbound = new Outbound(server);
            var (good, bad) = (await server.Tokens.OfAsync("alice", All), server.Tokens.Forge(claims => claims["aud"] = "other"));
            var answers = await EveryToolAsync(server, good);
            var known = server.AuditRows().SelectMany(row => ((string[])["token_id", "policy_version", "trace_id"]).Select(column => row.GetProperty(column).GetString()!)).Distinct();
            Assert.All(known, word => Assert.DoesNotContain(word, answers, StringComparison.Ordinal));
            await OddPlacesAsync(server, good, bad);
            secret = await File.ReadAllTextAsync(Path.Combine(server.Storage, "dev", "server.secret"), TestContext.Current.CancellationToken);
            confidential.AddRange([good, bad, Signature(good), Signature(bad), secret.Trim()]);
            confidential.AddRange(outbound.TokenAnswers.Select(answer => Signature(answer.GetProperty("access_token").GetString()!)));
            Assert.NotEmpty(outbound.TokenAnswers);
            for (var i = 0; i < 200 && !Heard.All(word => collector.Received.Contains(word, StringComparison.Ordinal)); i++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }

            audit = string.Concat(Directory.GetFiles(server.Storage, "audit*").Select(file => Encoding.UTF8.GetString(Read(file))));
        }

        Assert.All(Heard, word => Assert.Contains(word, collector.Received, StringComparison.Ordinal));
        Assert.Contains("read_text_file", audit, StringComparison.Ordinal);
        foreach (var word in confidential)
        {
            Assert.True(word.Length > 12, word);
            Assert.DoesNotContain(word, collector.Received, StringComparison.Ordinal);
            Assert.DoesNotContain(word, audit, StringComparison.Ordinal);
            Assert.DoesNotContain(word, log.Text, StringComparison.Ordinal);
        }
    }

    private static async Task<string> EveryToolAsync(Server server, string token)
    {
        var answers = new StringBuilder();
        var project = (await server.CallAsync(token, "create_project", new { title = "Mine" })).Structured.GetProperty("slug").GetString()!;
        Assert.False((await server.CallAsync(token, "write_file", new { project, path = "a.txt", content = $"{Content} needle" })).IsError);
        Assert.False((await server.CallAsync(token, "write_file", new { project, path = $"{Named}.txt", content = Content })).IsError);
        Assert.Contains(Content, (await server.CallAsync(token, "read_text_file", new { project, path = $"{Named}.txt" })).Text, StringComparison.Ordinal);
        foreach (var tool in (await server.SendAsync(token, Message.List())).Result.GetProperty("tools").EnumerateArray())
        {
            var arguments = ToolArguments.Good(tool, new Dictionary<string, string> { ["project"] = project });
            answers.AppendLine((await server.ConfirmAsync(token, tool.GetProperty("name").GetString()!, arguments)).Text);
            // And once so that it fails, with the words in its arguments.
            foreach (var (name, value) in arguments.ToList())
            {
                if (value is JsonValue && value.GetValueKind() == System.Text.Json.JsonValueKind.String)
                {
                    arguments[name] = Named;
                }
            }

            answers.AppendLine((await server.CallAsync(token, tool.GetProperty("name").GetString()!, arguments)).Text);
        }

        foreach (var uri in (string[])[$"project://{project}/{Named}.txt", $"project://{project}/{Named}/missing", $"project://{Named}/x", $"{Named}://x"])
        {
            await server.SendAsync(token, Message.Of("resources/read", new JsonObject { ["uri"] = uri }, uri));
        }

        await server.CallAsync(await server.Tokens.OfAsync("alice", "files:read"), "create_project", new { title = Content });
        return answers.ToString();
    }

    private static async Task OddPlacesAsync(Server server, string good, string bad)
    {
        var call = Message.Call("list_projects", new { });
        foreach (var token in (string[])[good, bad])
        {
            await server.SendAsync(token, call);
            await server.SendAsync(token, call.With(call.Body.Replace("\"id\":7", $"\"id\":\"{token[..200]}{Named}\"", StringComparison.Ordinal)));
            await server.SendAsync(good, Message.Call(token, new { }));
            await server.SendAsync(good, Message.Call("read_text_file", new { project = token, path = token }));
            await server.SendAsync(good, call.WithHeader("Mcp-Name", token));
            await server.SendAsync(good, Message.Of(token, []));
            await server.SendAsync(good, call.With(token));
            foreach (var header in (string[])["traceparent", "tracestate", "baggage", "User-Agent", "Cookie", "X-Request-Id", "Referer", "MCP-Protocol-Version", "Mcp-Session-Id", "Origin", "Forwarded", "X-Forwarded-For"])
            {
                await server.SendAsync(good, call.WithHeader(header, header is "tracestate" or "baggage" ? $"k={token}" : token));
            }

            foreach (var key in (string[])["traceparent", "tracestate", "baggage", "progressToken", token])
            {
                var body = JsonNode.Parse(call.Body)!.AsObject();
                body["params"]!["_meta"]![key] = $"k={token}";
                await server.SendAsync(good, call.With(body.ToJsonString()));
            }

            foreach (var path in (string[])[$"/mcp?access_token={token}", $"/mcp/{token}", $"/{token}", $"/.well-known/oauth-protected-resource/{token}", $"/health/ready?{token}"])
            {
                foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Post])
                {
                    using var request = new HttpRequestMessage(method, new Uri(server.Url, path)) { Content = method == HttpMethod.Post ? new StringContent(call.Body, Encoding.UTF8, "application/json") : null };
                    using var response = await server.Http.SendAsync(request);
                }
            }

            using var form = new FormUrlEncodedContent([KeyValuePair.Create("logout_token", token)]);
            using var logout = await server.Http.PostAsync(new Uri(server.Url, "/backchannel-logout"), form);
            foreach (var head in (string[])[$"{token[..40]}{Named} /mcp HTTP/1.1\nHost: {server.Url.Authority}", $"POST /mcp HTTP/1.1\nHost: {token}", $"POST /mcp HTTP/1.1\nHost: {server.Url.Authority}\n{token}"])
            {
                await RawHttp.SendAsync(server.Url, RawHttp.Bytes($"{head}\nConnection: close\nContent-Length: 0\n\n"));
            }
        }
    }

    private static string Signature(string token) => token.Split('.') is [_, _, var signature] ? signature : token;

    /// <summary>The server has it open.</summary>
    private static byte[] Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }

    /// <summary>Takes what is sent by OTLP over HTTP. In its encoding every text stands as it is.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly ConcurrentQueue<string> _received = new();

        private Collector()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            Url = $"http://localhost:{Server.FreePort()}";
            builder.WebHost.UseUrls(Url);
            _app = builder.Build();
            _app.Run(async context =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                _received.Enqueue($"{context.Request.Path}\n{Encoding.UTF8.GetString(body.ToArray())}");
                context.Response.ContentType = "application/x-protobuf";
            });
        }

        public string Url { get; }

        public string Received => string.Join('\n', _received);

        public static async Task<Collector> StartAsync()
        {
            var collector = new Collector();
            await collector._app.StartAsync();
            return collector;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public string Text => string.Join('\n', _lines);

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
