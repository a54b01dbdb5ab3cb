using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Auth;

/// <summary>
/// Inside the SDK's pipeline: lets a message pass only when it has the id, method and target that the gateway decided on. It never fires while gateway
/// and SDK read alike; it is there for the day when they do not, or when somebody maps the endpoint without the gateway.
/// </summary>
internal static class SecondLock
{
    /// <summary>
    /// Flows with the request into the SDK, and there with the message. Not the request's own features, because in a session the SDK takes up notifications
    /// and answers when their request has been answered and is gone.
    /// </summary>
    private static readonly AsyncLocal<Decision?> s_decision = new();

    /// <summary>What comes from here on, in this flow, is to be what was decided on.</summary>
    public static void Expect(Decision? decision) => s_decision.Value = decision;

    /// <summary>What was decided on in this flow; null where nothing was.</summary>
    public static Decision? Expected => s_decision.Value;

    public static McpMessageHandler Filter(McpMessageHandler next) => (context, cancellationToken) =>
    {
        if (s_decision.Value is not { } decision || !IsDecided(context.JsonRpcMessage, decision.Message))
        {
            throw new McpProtocolException("The server refused a request that was not decided on.", McpErrorCode.InternalError);
        }

        return next(context, cancellationToken);
    };

    private static bool IsDecided(JsonRpcMessage message, Envelope decided) => message switch
    {
        JsonRpcRequest request => request.Method == decided.Method && decided.IsRequest && IsId(request.Id, decided.Id)
            && Text(request.Params, "name") == decided.Param("name") && Text(request.Params, "uri") == decided.Param("uri")
            && IsSame(request, decided),
        JsonRpcMessageWithId answer and (JsonRpcResponse or JsonRpcError) => decided.Method is null && IsId(answer.Id, decided.Id),
        JsonRpcNotification notification => notification.Method == decided.Method && decided.IsNotification,
        _ => false,
    };

    /// <summary>What these are decided on stands deeper in the params: compared whole.</summary>
    private static bool IsSame(JsonRpcRequest request, Envelope decided) =>
        request.Method is not (RequestMethods.CompletionComplete or RequestMethods.SubscriptionsListen)
        || JsonNode.DeepEquals(request.Params, JsonObject.Create(decided.Params));

    private static bool IsId(RequestId id, JsonElement decided) => id.Id switch
    {
        string text => decided.ValueKind == JsonValueKind.String && decided.ValueEquals(text),
        long number => decided.ValueKind == JsonValueKind.Number && decided.TryGetInt64(out var value) && value == number,
        _ => false,
    };

    private static string? Text(JsonNode? node, string name) =>
        node?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
