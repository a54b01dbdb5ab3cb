using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>
/// One JSON-RPC message, read once and strictly. Where the SDK's reader forgives (the last duplicate wins, <c>Name</c> counts as
/// <c>name</c>), gateway and SDK could see two different messages in the same bytes; so what can be read in two ways is refused.
/// </summary>
internal sealed class Envelope : IDisposable
{
    /// <summary>The longest id of a request that is echoed, in characters.</summary>
    private const int MaxIdLength = 256;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The member names that mean something to the SDK, anywhere outside <c>arguments</c>. It compares them without regard to case.</summary>
    private static readonly HashSet<string> KnownNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "jsonrpc", "id", "method", "params", "result", "error",
        "name", "arguments", "uri", "cursor", "_meta", "ref", "argument", "context", "type", "value",
        "protocolVersion", "capabilities", "clientInfo", "notifications", "resourceSubscriptions",
        "inputResponses", "requestState", "requestId", "progressToken", "level", "action", "content",
        MetaKeys.ProtocolVersion, MetaKeys.ClientInfo, MetaKeys.ClientCapabilities, MetaKeys.LogLevel, MetaKeys.SubscriptionId,
    };

    private readonly JsonDocument _document;

    private Envelope(JsonDocument document) => _document = document;

    /// <summary>The method; null for an answer to a question of the server.</summary>
    public string? Method { get; private init; }

    /// <summary>The request id as it is to be echoed; undefined for a notification.</summary>
    public JsonElement Id { get; private init; }

    public bool IsRequest => Method is not null && Id.ValueKind != JsonValueKind.Undefined;

    public bool IsNotification => Method is not null && Id.ValueKind == JsonValueKind.Undefined;

    /// <summary>The params; undefined when there are none.</summary>
    public JsonElement Params { get; private init; }

    /// <summary>The protocol version that the message itself declares in <c>_meta</c>.</summary>
    public string? MetaVersion => Text(Meta, MetaKeys.ProtocolVersion);

    /// <summary>Whether <c>_meta</c> declares what the client can do, which 2026-07-28 wants of every request.</summary>
    public bool DeclaresCapabilities =>
        Meta.ValueKind == JsonValueKind.Object && Meta.TryGetProperty(MetaKeys.ClientCapabilities, out var capabilities)
        && capabilities.ValueKind == JsonValueKind.Object;

    /// <summary>SHA-256 of the arguments as they were sent, for the audit; null when there are none.</summary>
    public string? ArgumentsDigest =>
        Params.ValueKind == JsonValueKind.Object && Params.TryGetProperty("arguments", out var arguments)
            ? Convert.ToHexStringLower(SHA256.HashData(JsonMarshal.GetRawUtf8Value(arguments))) : null;

    private JsonElement Meta =>
        Params.ValueKind == JsonValueKind.Object && Params.TryGetProperty("_meta", out var meta) ? meta : default;

    /// <summary>The tool, prompt or resource that is meant, for the methods that have one.</summary>
    public string? Target => TargetName(Method) is { } name ? Param(name) : null;

    /// <summary>A text member of the params, or null.</summary>
    public string? Param(string name) => Text(Params, name);

    /// <summary>Reads a message from the bytes of a request body.</summary>
    /// <returns>The message; or null and the refusal.</returns>
    public static Envelope? Read(ReadOnlyMemory<byte> body, out Refusal? refusal)
    {
        JsonDocument document;
        try
        {
            // Broken UTF-8 is caught here: JsonDocument looks at a text only when it is asked for.
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(body.Span);
            document = JsonDocument.Parse(body, Strict);
            if (body.Span.IndexOf("\\ud"u8) >= 0 || body.Span.IndexOf("\\uD"u8) >= 0)
            {
                RequireText(document.RootElement);
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Which of the two it was is not worth a second parse: not JSON as this server reads it.
            refusal = Refusal.NotJson;
            return null;
        }

        var envelope = Read(document, out refusal);
        if (envelope is null)
        {
            document.Dispose();
        }

        return envelope;
    }

    public void Dispose() => _document.Dispose();

    private static Envelope? Read(JsonDocument document, out Refusal? refusal)
    {
        var root = document.RootElement;
        refusal = Refusal.NotJsonRpc("The body must be one JSON-RPC 2.0 message; batches are not served.");
        if (root.ValueKind != JsonValueKind.Object || Text(root, "jsonrpc") != "2.0")
        {
            return null;
        }

        if (Ambiguous(root))
        {
            refusal = Refusal.NotJsonRpc("A member name of the message is a variant of one that the protocol defines. Names are compared exactly.");
            return null;
        }

        var hasId = root.TryGetProperty("id", out var id);
        // A refusal outlives the document.
        var echoed = hasId ? id.Clone() : default;
        if (hasId && !IsId(id))
        {
            refusal = Refusal.NotJsonRpc("The id must be a string of at most 256 characters or an integer.");
            return null;
        }

        if (root.TryGetProperty("params", out var parameters) && parameters.ValueKind != JsonValueKind.Object)
        {
            refusal = Refusal.NotJsonRpc("The params must be an object.") with { Id = echoed };
            return null;
        }

        var method = Text(root, "method");
        if (MistypedParam(parameters, method) is { } mistyped)
        {
            refusal = Refusal.InvalidParams($"params.{mistyped} is missing, or has the wrong type.") with { Id = echoed };
            return null;
        }

        if (root.TryGetProperty("method", out _) ? method is null : !hasId || !(root.TryGetProperty("result", out _) || root.TryGetProperty("error", out _)))
        {
            refusal = Refusal.NotJsonRpc("The message must have a method that is a string.") with { Id = echoed };
            return null;
        }

        refusal = null;
        return new Envelope(document) { Method = method, Id = id, Params = parameters };
    }

    /// <summary>What the decision rests on must be there and of its type. Nothing is taken for something else.</summary>
    private static string? MistypedParam(JsonElement parameters, string? method)
    {
        var target = TargetName(method);
        if (target is not null && Text(parameters, target) is null)
        {
            return target;
        }

        return parameters.ValueKind == JsonValueKind.Object && parameters.TryGetProperty("arguments", out var arguments)
            && arguments.ValueKind != JsonValueKind.Object ? "arguments" : null;
    }

    /// <summary>The param that says which tool, prompt or resource is meant.</summary>
    private static string? TargetName(string? method) => method switch
    {
        RequestMethods.ToolsCall or RequestMethods.PromptsGet => "name",
        RequestMethods.ResourcesRead => "uri",
        _ => null,
    };

    /// <summary>An escaped half of a surrogate pair (`\ud800`) is valid JSON grammar and no text. Only bodies that have such an escape are looked through.</summary>
    private static void RequireText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    RequireText(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    RequireText(member.Value);
                }

                break;
            default:
                break;
        }
    }

    private static bool IsId(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.String => id.GetString()!.Length <= MaxIdLength,
        JsonValueKind.Number => id.TryGetInt64(out _) && id.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0,
        _ => false,
    };

    /// <summary>Whether a name at some depth is one that the protocol defines, but not exactly. What the caller puts into <c>arguments</c> is his own.</summary>
    private static bool Ambiguous(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            return element.EnumerateArray().Any(Ambiguous);
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in element.EnumerateObject())
        {
            // Names of the protocol are ASCII; one that is not can only be there to look like another, as `paramſ` with a long s does.
            if (!Ascii.IsValid(member.Name) || (KnownNames.TryGetValue(member.Name, out var known) && known != member.Name))
            {
                return true;
            }

            if (member.Name != "arguments" && Ambiguous(member.Value))
            {
                return true;
            }
        }

        return false;
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;
}
