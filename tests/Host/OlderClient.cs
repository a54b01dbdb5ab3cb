using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;

namespace McpFilesServer.Tests.Host;

/// <summary>A client of 2025-11-25 in a session, message by message.</summary>
internal sealed class OlderClient(Server server, string token, string session)
{
    public const string Yes = """{"action":"accept","content":{"confirm":true}}""";

    public string Session => session;

    public static Message Initialize(string capabilities = """{"elicitation":{}}""") => Message.List(legacy: true).With(
        $$$$"""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{{{{capabilities}}}},"clientInfo":{"name":"test","version":"1"}}}""");

    /// <summary>Begins a session.</summary>
    public static async Task<OlderClient> StartAsync(Server server, string token, string capabilities = """{"elicitation":{}}""")
    {
        var answer = await server.SendAsync(token, Initialize(capabilities));
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var client = new OlderClient(server, token, answer.Headers["Mcp-Session-Id"]);
        await client.SendAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");
        return client;
    }

    /// <summary>Sends a message in this session; or with another token, or in another session.</summary>
    public Task<Answer> SendAsync(string body, string? otherToken = null, string? otherSession = null) =>
        server.SendAsync(otherToken ?? token, Message.List(legacy: true).With(body).WithHeader("MCP-Protocol-Version", "2025-11-25").WithHeader("Mcp-Session-Id", otherSession ?? session));

    /// <summary>Calls a tool that asks, and reads as far as the question.</summary>
    public async Task<Asked> CallAsync(object? arguments = null, string tool = "shred")
    {
        var body = JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 7, method = "tools/call", @params = new { name = tool, arguments = arguments ?? Rounds.Arguments } });
        using var request = Message.List(legacy: true).With(body).WithHeader("Mcp-Session-Id", session).ToRequest(new Uri(server.Resource), token);
        var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        return new Asked(response, reader, await NextAsync(reader));
    }

    /// <summary>Answers a question with this result; or with another token, or in another session.</summary>
    public Task<Answer> AnswerAsync(string id, string result = Yes, string? otherToken = null, string? otherSession = null) =>
        SendAsync($$"""{"jsonrpc":"2.0","id":{{JsonSerializer.Serialize(id)}},"result":{{result}}}""", otherToken, otherSession);

    /// <summary>Ends the session, or says with which token and which method it is tried.</summary>
    public async Task<Answer> EndAsync(string? otherToken, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Delete, new Uri(server.Resource));
        request.Headers.Add("Mcp-Session-Id", session);
        request.Headers.Accept.ParseAdd("text/event-stream");
        request.Headers.Authorization = otherToken is null ? null : new AuthenticationHeaderValue("Bearer", otherToken);
        using var response = await server.Http.SendAsync(request);
        return await Answer.ReadAsync(response);
    }

    private static async Task<JsonElement> NextAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                return JsonElement.Parse(line[6..]);
            }
        }

        throw new InvalidOperationException("The server said nothing.");
    }

    /// <summary>A call that waits for an answer.</summary>
    internal sealed class Asked(HttpResponseMessage response, StreamReader reader, JsonElement message) : IDisposable
    {
        /// <summary>The first message: the question, or the answer of a call that asked nothing.</summary>
        public JsonElement Message => message;

        public string Id => message.GetProperty("id").GetString()!;

        public string Sentence => message.GetProperty("params").GetProperty("message").GetString()!;

        /// <summary>Waits for the answer to the call.</summary>
        public async Task<Answer> OutcomeAsync() => new(response.StatusCode, "", "", await NextAsync(reader), new Dictionary<string, string>());

        public void Dispose()
        {
            reader.Dispose();
            response.Dispose();
        }
    }
}
