using System.Text.Json;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Tools;

/// <summary>What a person can say to a question.</summary>
internal enum HumanAnswer
{
    /// <summary>Something that is no answer to it.</summary>
    None,

    /// <summary>Yes: sent, and the box ticked.</summary>
    Accepted,

    /// <summary>No; or sent without the box.</summary>
    Declined,

    /// <summary>Went away.</summary>
    Cancelled,
}

/// <summary>
/// The form that is put before a person, and its answer. One box that is not ticked from the start: a client that sends every form back as it came has
/// not said yes.
/// </summary>
internal static class HumanForm
{
    /// <summary>The name under which the question is asked and answered.</summary>
    public const string Name = "confirmation";

    private const string Box = "confirm";

    public static ElicitRequestParams Of(Sentence sentence) => new()
    {
        Message = sentence.ToString(),
        RequestedSchema = new ElicitRequestParams.RequestSchema
        {
            Properties = { [Box] = new ElicitRequestParams.BooleanSchema { Title = "Yes, do this", Description = "Nothing is done unless this is true." } },
            Required = [Box],
        },
    };

    /// <summary>Reads the answers of a second round: one, to the one question, and no other.</summary>
    public static HumanAnswer Read(IDictionary<string, InputResponse>? responses) =>
        responses is { Count: 1 } && responses.TryGetValue(Name, out var response) && response is not null ? Read(response.RawValue) : HumanAnswer.None;

    /// <summary>Reads an answer, exactly: the SDK's own reader takes <c>ACCEPT</c> for accept, and a missing action for cancel.</summary>
    public static HumanAnswer Read(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("action", out var action) || action.ValueKind != JsonValueKind.String)
        {
            return HumanAnswer.None;
        }

        return action.GetString() switch
        {
            "accept" => answer.TryGetProperty("content", out var content) ? Ticked(content) : HumanAnswer.None,
            "decline" => HumanAnswer.Declined,
            "cancel" => HumanAnswer.Cancelled,
            _ => HumanAnswer.None,
        };
    }

    private static HumanAnswer Ticked(JsonElement content) =>
        content.ValueKind != JsonValueKind.Object || content.GetPropertyCount() != 1 || !content.TryGetProperty(Box, out var box) ? HumanAnswer.None
        : box.ValueKind switch
        {
            JsonValueKind.True => HumanAnswer.Accepted,
            JsonValueKind.False => HumanAnswer.Declined,
            _ => HumanAnswer.None,
        };
}
