using System.Text.Json;
using System.Text.Json.Nodes;

namespace McpFilesServer.Tests.Host;

/// <summary>The two rounds of a call that asks first, as a client of 2026-07-28 sends them.</summary>
internal static class Rounds
{
    public const string Yes = """{"confirmation":{"action":"accept","content":{"confirm":true}}}""";

    public static readonly object Arguments = new { project = "welcome", what = "old.txt" };

    /// <summary>The call, by a client that declares that it can show a form; or declares this.</summary>
    public static Message First(object? arguments = null, string tool = "shred", string capabilities = """{"elicitation":{}}""") =>
        Second(null, null, arguments, tool, capabilities);

    /// <summary>The call with a state and answers, each as this JSON; null leaves it out.</summary>
    public static Message Second(string? state, string? answers = Yes, object? arguments = null, string tool = "shred", string capabilities = """{"elicitation":{}}""")
    {
        var parameters = new JsonObject { ["name"] = tool, ["arguments"] = JsonNode.Parse(arguments as string ?? JsonSerializer.Serialize(arguments ?? Arguments)) };
        if (state is not null)
        {
            parameters["requestState"] = state;
        }

        if (answers is not null)
        {
            parameters["inputResponses"] = JsonNode.Parse(answers);
        }

        return Message.Of("tools/call", parameters, tool, capabilities: JsonNode.Parse(capabilities)!.AsObject());
    }

    /// <summary>Whether the answer is a question, and not the tool's.</summary>
    public static bool Asks(this Answer answer) => answer.Result.TryGetProperty("resultType", out var type) && type.GetString() == "input_required";

    /// <summary>The state that goes with a question.</summary>
    public static string State(this Answer answer) => answer.Result.GetProperty("requestState").GetString()!;

    /// <summary>What the person is shown.</summary>
    public static string Sentence(this Answer answer) =>
        answer.Result.GetProperty("inputRequests").GetProperty("confirmation").GetProperty("params").GetProperty("message").GetString()!;

    /// <summary>Asks, and returns the state.</summary>
    public static async Task<string> AskAsync(this Server server, string token, object? arguments = null, string tool = "shred") =>
        (await server.SendAsync(token, First(arguments, tool))).State();

    /// <summary>Calls a tool and says yes when it asks.</summary>
    public static async Task<Answer> ConfirmAsync(this Server server, string token, string tool, object arguments)
    {
        var asked = await server.SendAsync(token, First(arguments, tool));
        return asked.Body.TryGetProperty("result", out _) && asked.Asks() ? await server.SendAsync(token, Second(asked.State(), Yes, arguments, tool)) : asked;
    }
}
