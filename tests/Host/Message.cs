using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace McpFilesServer.Tests.Host;

/// <summary>A request to the MCP endpoint, byte for byte as a test wants it.</summary>
internal sealed class Message
{
    public required string Body { get; init; }

    public Dictionary<string, string> Headers { get; init; } = new() { ["Accept"] = "application/json, text/event-stream" };

    public string ContentType { get; init; } = "application/json";

    public static Message Call(string tool, object arguments, bool legacy = false) =>
        Of("tools/call", new JsonObject { ["name"] = tool, ["arguments"] = JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(arguments)) }, tool, legacy);

    public static Message List(bool legacy = false) => Of("tools/list", [], null, legacy);

    public static Message Of(string method, JsonObject parameters, string? name = null, bool legacy = false, JsonObject? capabilities = null)
    {
        var message = new Message { Body = "" };
        if (!legacy)
        {
            parameters["_meta"] = new JsonObject
            {
                ["io.modelcontextprotocol/protocolVersion"] = "2026-07-28",
                ["io.modelcontextprotocol/clientInfo"] = new JsonObject { ["name"] = "test", ["version"] = "1" },
                ["io.modelcontextprotocol/clientCapabilities"] = capabilities ?? [],
            };
            message.Headers["MCP-Protocol-Version"] = "2026-07-28";
            message.Headers["Mcp-Method"] = method;
            if (name is not null)
            {
                message.Headers["Mcp-Name"] = name;
            }
        }

        var body = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = 7, ["method"] = method, ["params"] = parameters };
        return message.With(body.ToJsonString());
    }

    public Message With(string body) => new() { Body = body, Headers = Headers, ContentType = ContentType };

    public Message WithHeader(string name, string? value)
    {
        var headers = new Dictionary<string, string>(Headers);
        if (value is null)
        {
            headers.Remove(name);
        }
        else
        {
            headers[name] = value;
        }

        return new() { Body = Body, Headers = headers, ContentType = ContentType };
    }

    public HttpRequestMessage ToRequest(Uri resource, string? token)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, resource) { Content = new StringContent(Body, Encoding.UTF8) };
        request.Content.Headers.Remove("Content-Type");
        if (ContentType.Length > 0)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", ContentType);
        }

        foreach (var (name, value) in Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return request;
    }
}
