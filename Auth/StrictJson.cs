using System.Text;
using System.Text.Json;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>JSON that can be read in one way only: UTF-8, no member twice, no comment, no half characters, not too deep, no variants of known names.</summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The member names that mean something to the SDK, anywhere outside <c>arguments</c>. It compares them without regard to case.</summary>
    private static readonly HashSet<string> KnownNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "jsonrpc", "id", "method", "params", "result", "error",
        "name", "arguments", "uri", "cursor", "_meta", "ref", "argument", "context", "type", "value",
        "protocolVersion", "capabilities", "clientInfo", "notifications", "resourceSubscriptions",
        "toolsListChanged", "promptsListChanged", "resourcesListChanged",
        "elicitation", "sampling", "roots", "experimental", "extensions", "inputResponses", "requestState", "requestId", "progressToken", "level", "action", "content",
        MetaKeys.ProtocolVersion, MetaKeys.ClientInfo, MetaKeys.ClientCapabilities, MetaKeys.LogLevel, MetaKeys.SubscriptionId,
    };

    /// <summary>The document; null when the bytes are no JSON, or could be read in more than one way.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> bytes)
    {
        JsonDocument? document = null;
        try
        {
            // Broken UTF-8 is caught here: JsonDocument looks at a text only when it is asked for.
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(bytes.Span);
            document = JsonDocument.Parse(bytes, Options);
            if (bytes.Span.IndexOf("\\ud"u8) >= 0 || bytes.Span.IndexOf("\\uD"u8) >= 0)
            {
                RequireText(document.RootElement);
            }

            return document;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            document?.Dispose();
            return null;
        }
    }

    /// <summary>Whether a name at some depth is one that the protocol defines, but not exactly. What the caller puts into <c>arguments</c> is his own.</summary>
    public static bool HasVariants(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            return element.EnumerateArray().Any(HasVariants);
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

            if (member.Name != "arguments" && HasVariants(member.Value))
            {
                return true;
            }
        }

        return false;
    }

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
}
