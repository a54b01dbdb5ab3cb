using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using ModelContextProtocol;
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

    /// <summary>Whether <c>_meta</c> declares that the client can put a form before its person. An empty declaration means forms, as it did before there were others.</summary>
    public bool DeclaresForms =>
        DeclaresCapabilities && Meta.GetProperty(MetaKeys.ClientCapabilities).TryGetProperty("elicitation", out var elicitation)
        && elicitation.ValueKind == JsonValueKind.Object && (elicitation.TryGetProperty("form", out _) || !elicitation.TryGetProperty("url", out _));

    /// <summary>Whether it is the second round of a call: an answer, or the state that goes with it, or both.</summary>
    public bool IsSecondRound =>
        Params.ValueKind == JsonValueKind.Object && (Params.TryGetProperty("requestState", out _) || Params.TryGetProperty("inputResponses", out _));

    /// <summary>SHA-256 of the arguments as they were sent, for the audit; null when there are none.</summary>
    public string? ArgumentsDigest =>
        Params.ValueKind == JsonValueKind.Object && Params.TryGetProperty(ArgumentsName(Method), out var arguments)
            ? Convert.ToHexStringLower(SHA256.HashData(JsonMarshal.GetRawUtf8Value(arguments))) : null;

    /// <summary>The slug of the project that the message is about, when it names one and it has the form of one. Whether there is such a project is not asked here.</summary>
    public string? Project
    {
        get
        {
            var uri = Method == RequestMethods.ResourcesRead ? Param("uri") : null;
            var slug = uri is null ? Text(Member(Params, "arguments"), "project")
                : uri.StartsWith("project://", StringComparison.Ordinal) ? uri["project://".Length..].Split('/')[0] : null;
            return slug is { Length: > 0 and <= 64 } && slug.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-') ? slug : null;
        }
    }

    /// <summary>The <c>traceparent</c> of <c>_meta</c>, as the client sent it.</summary>
    public string? TraceParent => Text(Meta, "traceparent");

    private JsonElement Meta =>
        Params.ValueKind == JsonValueKind.Object && Params.TryGetProperty("_meta", out var meta) ? meta : default;

    /// <summary>The tool, prompt or resource that is meant, for the methods that have one.</summary>
    public string? Target => TargetName(Method) is { } name ? Param(name) : null;

    /// <summary>What is to be completed, for <c>completion/complete</c>.</summary>
    public CompletionTarget? Completes => Method != RequestMethods.CompletionComplete ? null
        : Params.GetProperty("ref") is var reference && Text(reference, "type") is var type
            ? new CompletionTarget(type!, Text(reference, type == CompletionTarget.Resource ? "uri" : "name") ?? "", Text(Params.GetProperty("argument"), "name")!) : null;

    /// <summary>The URIs that the client wants to hear of, for <c>subscriptions/listen</c>; null when its params are not of that form.</summary>
    public IReadOnlyList<string>? Subscriptions => Method == RequestMethods.SubscriptionsListen && IsSubscription(Params)
        ? [.. Items(Member(Member(Params, "notifications"), "resourceSubscriptions")).Select(uri => uri.GetString()!)] : null;

    /// <summary>A text member of the params, or null.</summary>
    public string? Param(string name) => Text(Params, name);

    /// <summary>Reads a message from the bytes of a request body.</summary>
    /// <returns>The message; or null and the refusal.</returns>
    public static Envelope? Read(ReadOnlyMemory<byte> body, out Refusal? refusal)
    {
        if (StrictJson.Parse(body) is not { } document)
        {
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

        if (StrictJson.HasVariants(root))
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
            refusal = Refusal.InvalidParams($"The params are missing something or have a wrong type: {mistyped}.") with { Id = echoed };
            return null;
        }

        var isAnswer = hasId && !root.TryGetProperty("method", out _) && root.TryGetProperty("result", out _) != root.TryGetProperty("error", out _);
        if (method is null && !isAnswer)
        {
            refusal = Refusal.NotJsonRpc("The message must have a method that is a string.") with { Id = echoed };
            return null;
        }

        refusal = null;
        // In a session a message that wants no answer is looked at after its request, and so its document, is gone.
        return new Envelope(document) { Method = method, Id = echoed, Params = parameters };
    }

    /// <summary>What the decision rests on must be there and of its type. Nothing is taken for something else.</summary>
    private static string? MistypedParam(JsonElement parameters, string? method)
    {
        // The SDK reads these outside of its own error handling, so they are read here as it will read them. In 2026-07-28 there is no such method, and it gets none of it.
        if (method == RequestMethods.Initialize && Text(Member(parameters, "_meta"), MetaKeys.ProtocolVersion) != ProtocolHeaders.Modern && !Reads<InitializeRequestParams>(parameters))
        {
            return "protocolVersion, capabilities, clientInfo";
        }

        if (method == RequestMethods.CompletionComplete && !IsCompletion(parameters))
        {
            return "ref, argument, context";
        }

        var target = TargetName(method);
        if (target is not null && Text(parameters, target) is null)
        {
            return target;
        }

        return Mistyped(parameters, "arguments", JsonValueKind.Object)
            ?? Mistyped(parameters, "inputResponses", JsonValueKind.Object)
            ?? Mistyped(parameters, "requestState", JsonValueKind.String);
    }

    private static bool IsCompletion(JsonElement parameters) =>
        Member(parameters, "ref") is { ValueKind: JsonValueKind.Object } reference && Text(reference, "type") is not null
        && ((string[])["name", "title", "uri"]).All(name => !reference.TryGetProperty(name, out var text) || text.ValueKind == JsonValueKind.String)
        && Member(parameters, "argument") is { ValueKind: JsonValueKind.Object } argument && Text(argument, "name") is not null && Text(argument, "value") is not null
        && (!parameters.TryGetProperty("context", out var context)
            || (context.ValueKind == JsonValueKind.Object && (!context.TryGetProperty("arguments", out var given)
                || (given.ValueKind == JsonValueKind.Object && given.EnumerateObject().All(member => member.Value.ValueKind == JsonValueKind.String)))));

    private static bool IsSubscription(JsonElement parameters) =>
        Member(parameters, "notifications") is { ValueKind: JsonValueKind.Object } wanted
        && ((string[])["toolsListChanged", "promptsListChanged", "resourcesListChanged"]).All(name =>
            !wanted.TryGetProperty(name, out var flag) || flag.ValueKind is JsonValueKind.True or JsonValueKind.False)
        && Member(wanted, "resourceSubscriptions") is var uris && uris.ValueKind is JsonValueKind.Undefined or JsonValueKind.Array
        && Items(uris).All(uri => uri.ValueKind == JsonValueKind.String);

    private static string? Mistyped(JsonElement parameters, string name, JsonValueKind kind) =>
        parameters.ValueKind == JsonValueKind.Object && parameters.TryGetProperty(name, out var value) && value.ValueKind != kind ? name : null;

    private static bool Reads<T>(JsonElement parameters)
    {
        try
        {
            return parameters.ValueKind == JsonValueKind.Object && parameters.Deserialize<T>(McpJsonUtilities.DefaultOptions) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The param that says which tool, prompt or resource is meant.</summary>
    private static string? TargetName(string? method) => method switch
    {
        RequestMethods.ToolsCall or RequestMethods.PromptsGet => "name",
        RequestMethods.ResourcesRead => "uri",
        _ => null,
    };

    /// <summary>The param that holds what the caller chose beyond the target.</summary>
    private static string ArgumentsName(string? method) => method switch
    {
        RequestMethods.ResourcesRead => "uri",
        RequestMethods.CompletionComplete => "argument",
        RequestMethods.SubscriptionsListen => "notifications",
        _ => "arguments",
    };

    private static bool IsId(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.String => id.GetString()!.Length <= MaxIdLength,
        JsonValueKind.Number => id.TryGetInt64(out _) && id.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0,
        _ => false,
    };

    private static JsonElement Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    private static JsonElement[] Items(JsonElement array) => array.ValueKind == JsonValueKind.Array ? [.. array.EnumerateArray()] : [];

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;
}

/// <summary>One argument of a prompt or of a resource template.</summary>
/// <param name="Type">What has the argument: <c>ref/prompt</c> or <c>ref/resource</c>.</param>
/// <param name="Name">The prompt's name, or the template.</param>
/// <param name="Argument">The argument.</param>
internal sealed record CompletionTarget(string Type, string Name, string Argument)
{
    public const string Prompt = "ref/prompt";

    public const string Resource = "ref/resource";
}
