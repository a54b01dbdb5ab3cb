using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Attacks;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Xunit;

[assembly: AssemblyFixture(typeof(Target))]

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// The server that is attacked: the whole product, with probes beside its tools and an ear on its log. Every request carries a trace of
/// its own, by which its audit records and its effects are found.
/// </summary>
public sealed partial class Target : IAsyncLifetime
{
    /// <summary>What every forged token holds: the baseline.</summary>
    internal const string Held = "files:read projects:read";

    private readonly Log _log = new();

    public Target()
        : this(null, [])
    {
    }

    private Target(Action<IServiceCollection>? services, (string Key, string Value)[] settings) =>
        // Every attacker here has the same address, and each wants to hear what is wrong with his own token.
        Server = new Server([.. settings, ("Limits:FailedAuthenticationsPerMinute", "100000")], collection =>
        {
            Probes.AddTo(collection);
            collection.AddSingleton<ILoggerProvider>(_log);
            services?.Invoke(collection);
        });

    internal Server Server { get; }

    internal Probes Probes { get; } = new();

    internal Tokens Tokens => Server.Tokens;

    /// <summary>Everything that the server logged, at the level that the product logs at.</summary>
    internal string Logged => string.Join('\n', _log.Lines);

    /// <summary>A server of a test's own.</summary>
    internal static async Task<Target> StartAsync(Action<IServiceCollection>? services = null, params (string Key, string Value)[] settings)
    {
        var target = new Target(services, settings);
        await target.InitializeAsync();
        return target;
    }

    public ValueTask InitializeAsync() => Server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _log.Dispose();
    }

    /// <summary>Sends a message with an <c>Authorization</c> header of exactly this text, if any.</summary>
    internal async Task<Reply> SendAsync(Message message, string? authorization, string? path = null, HttpMethod? method = null)
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        using var request = message.ToRequest(new Uri(Server.Url, path ?? "/mcp"), null);
        request.Method = method ?? HttpMethod.Post;
        request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-00f067aa0ba902b7-01");
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using var response = await Server.Http.SendAsync(request);
        return await Reply.ReadAsync(response, trace);
    }

    /// <summary>Sends these very bytes; <c>{trace}</c> in them becomes the request's trace.</summary>
    internal Task<Reply> SendRawAsync(string request) => SendRawAsync(RawHttp.Bytes(request));

    internal async Task<Reply> SendRawAsync(byte[] request)
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        return (await RawHttp.SendAsync(Server.Url, RawHttp.Replace(request, "{trace}", trace))).ToReply(trace);
    }

    /// <summary>Sends a message and holds everything about the answer and its traces against what is expected.</summary>
    internal async Task<Reply> RefusesAsync(Expected expected, Message message, string? token, string? path = null, HttpMethod? method = null)
    {
        var reply = await SendAsync(message, token is null ? null : $"Bearer {token}", path, method);
        Refused(expected, reply);
        return reply;
    }

    /// <summary>Holds an answer and its traces against what is expected: status, challenge, code, silence, one record, nothing done.</summary>
    internal void Refused(Expected expected, Reply reply)
    {
        Answered(expected, reply);
        Recorded(reply.Trace, expected.Decision, expected.Reason);
        NothingRan(reply);
    }

    /// <summary>The part of <see cref="Refused"/> that is about the answer alone.</summary>
    internal void Answered(Expected expected, Reply reply)
    {
        Assert.True((HttpStatusCode)expected.Status == reply.Status, $"{(int)reply.Status} instead of {expected.Status}: {reply.Text}");
        var challenge = expected.Challenge is null ? Array.Empty<string>()
            : [$"Bearer {expected.Challenge}, resource_metadata=\"{Server.Url}.well-known/oauth-protected-resource/mcp\""];
        Assert.Equal(challenge, reply.Challenges);
        Assert.Equal(expected.Code, reply.ErrorCode);
        if (expected.Code is not null)
        {
            Assert.Contains("no-store", reply.Headers, StringComparison.Ordinal);
            Assert.False(reply.IsResult);
        }
    }

    /// <summary>Nothing ran for this request, and its answer gives nothing away.</summary>
    internal void NothingRan(Reply reply)
    {
        Assert.Empty(Probes.Of(reply.Trace));
        Silent(reply);
    }

    /// <summary>An answer has no stack, no path of this machine, no library's text, no part of a token.</summary>
    internal static void Silent(Reply reply)
    {
        Assert.DoesNotMatch(Detail(), reply.Text);
        Assert.DoesNotMatch(Detail(), reply.Headers);
        Assert.DoesNotContain("\nServer:", reply.Headers, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>There is exactly one record of a decision on this request, and no other; or none at all.</summary>
    internal void Recorded(string trace, string? decision, string reason)
    {
        var rows = Server.AuditRows().Where(row => row.GetProperty("client_trace_id").GetString() == trace).ToList();
        if (decision is null)
        {
            Assert.Empty(rows);
            return;
        }

        var row = Assert.Single(rows);
        Assert.Equal(("decision", decision), (row.GetProperty("kind").GetString(), row.GetProperty("decision").GetString()));
        Assert.Matches($"^(?:{reason})$", row.GetProperty("reason").GetString());
        Assert.DoesNotMatch("eyJ[A-Za-z0-9_-]{8}", row.GetRawText());
    }

    /// <summary>A token whose payload is this very text, made from a good one; signed with the provider's key.</summary>
    internal string ForgeText(Func<string, string> payload, Func<string, string>? header = null)
    {
        var parts = Tokens.Forge().Split('.');
        var (head, claims) = (Base64UrlEncoder.Decode(parts[0]), Base64UrlEncoder.Decode(parts[1]));
        using var key = Tokens.Key();
        return Tokens.Sign(header is null ? head : header(head), payload(claims), key);
    }

    /// <summary>A good token of alice that holds these scopes.</summary>
    internal string TokenWith(string scopes) => Tokens.Forge(claims => claims["scope"] = scopes);

    /// <summary>A call of a tool with these params, in the protocol's current form.</summary>
    internal static Message Call(string tool, bool legacy = false) => Message.Of("tools/call", new JsonObject { ["name"] = tool, ["arguments"] = new JsonObject() }, tool, legacy);

    [GeneratedRegex(@"\bat [A-Z]\w+\.|(?i:/tmp/|/home/|/usr/|\.cs\b|Exception|System\.|Microsoft\.|SQLite|LineNumber|BytePosition|IDX\d{5}|eyJ[A-Za-z0-9_-]{8}|select .* from|evil)")]
    private static partial Regex Detail();

    private sealed class Log : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
