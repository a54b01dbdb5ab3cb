using System.Net;
using System.Net.Sockets;
using System.Text;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Auth;

/// <summary>How an answer goes out: head, event and end in one piece where there is one event, and at once what a client waits for.</summary>
public sealed class AnswerBodyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_short_answer_comes_whole_in_one_piece(bool legacy)
    {
        await using var server = await Server.StartAsync();

        var first = await FirstPieceAsync(server, Message.Call("list_projects", new { }, legacy), "projects:read");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", first, StringComparison.Ordinal);
        Assert.Contains("\"structuredContent\"", first, StringComparison.Ordinal);
        Assert.EndsWith("\r\n0\r\n\r\n", first, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_comes_whole_in_one_piece_and_says_its_length()
    {
        await using var server = await Server.StartAsync();

        var first = await FirstPieceAsync(server, Message.Call("create_project", new { title = "x" }), "projects:read");

        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", first, StringComparison.Ordinal);
        var body = first[(first.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        Assert.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n", first, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_tool_says_on_its_way_is_sent_at_once()
    {
        var slow = new SlowProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()));

        var first = await FirstPieceAsync(server, SlowProbe.Call(), "projects:read");

        Assert.Contains("notifications/progress", first, StringComparison.Ordinal);
        Assert.DoesNotContain("\"result\"", first, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_calls_may_take_longer_than_clients_wait_for_a_head_it_comes_before_there_is_anything_to_say()
    {
        var slow = new WaitingProbe();
        await using var server = await Server.StartAsync(services => services.AddSingleton(slow.Tool()), ("Limits:CallTimeout", "00:05:00"));

        var first = await FirstPieceAsync(server, Message.Call("slow_probe", new { }, legacy: true), "projects:read");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", first, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", first, StringComparison.Ordinal);
        slow.LetGo();
    }

    /// <summary>What one read of the socket gives when something has come: what was sent as one.</summary>
    private static async Task<string> FirstPieceAsync(Server server, Message message, string scopes)
    {
        var token = await server.Tokens.OfAsync("alice", scopes);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Url.Port, limit.Token);
        var head = string.Concat(message.Headers.Select(header => $"{header.Key}: {header.Value}\r\n"));
        await client.GetStream().WriteAsync(
            Encoding.UTF8.GetBytes($"POST /mcp HTTP/1.1\r\nHost: {server.Url.Authority}\r\nAuthorization: Bearer {token}\r\nContent-Type: {message.ContentType}\r\n{head}Content-Length: {Encoding.UTF8.GetByteCount(message.Body)}\r\n\r\n{message.Body}"),
            limit.Token);
        var buffer = new byte[64 * 1024];
        return Encoding.UTF8.GetString(buffer.AsSpan(0, await client.GetStream().ReadAsync(buffer, limit.Token)));
    }
}
