using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using McpFilesServer.Data;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Texts of files on their way past the SDK, which would make a JSON tree of a result and JSON of the tree, with every text copied four times and escaped twice.
/// So a tool gives it a sign in place of each text, and the text itself is put in when the answer is written. The bytes on the wire are the same.
/// </summary>
internal sealed class FileAnswer : IDisposable
{
    // Of the very options that the SDK writes messages with: in a tree, a value is asked for its writer again when the options are others.
    private static readonly JsonTypeInfo<AnswerMemory.PooledText> Json = JsonMetadataServices.CreateValueInfo<AnswerMemory.PooledText>(
        McpJsonUtilities.DefaultOptions.TypeInfoResolverChain.OfType<JsonSerializerContext>().First().Options, new JsonText());

    private readonly Dictionary<string, AnswerMemory.PooledText> _texts = [];

    private FileAnswer(AnswerMemory memory) => Memory = memory;

    /// <summary>What the answer holds until it has been sent.</summary>
    public AnswerMemory Memory { get; }

    /// <summary>The answer to a request that is being served.</summary>
    public static FileAnswer To(MessageContext request)
    {
        if (Find(request.JsonRpcMessage) is not { } answer)
        {
            answer = new FileAnswer(new AnswerMemory(request.Services!.GetRequiredService<BytesInFlight>()));
            request.Items[nameof(FileAnswer)] = answer;
        }

        return answer;
    }

    /// <summary>
    /// Around a request from its beginning until its answer has been written or given up: the SDK waits for both in here, so that no buffer is given back
    /// while anybody writes from it.
    /// </summary>
    public static McpMessageHandler UntilSent(McpMessageHandler next) => async (context, cancellationToken) =>
    {
        try
        {
            await next(context, cancellationToken);
        }
        finally
        {
            Find(context.JsonRpcMessage)?.Dispose();
        }
    };

    /// <summary>Puts the texts where their signs are.</summary>
    public static McpMessageHandler PutIn(McpMessageHandler next) => (context, cancellationToken) =>
    {
        if (context.JsonRpcMessage is JsonRpcResponse { Result: JsonObject result } response && Find(response) is { } answer && result["content"] is JsonArray content)
        {
            foreach (var block in content.OfType<JsonObject>())
            {
                if (block["text"] is JsonValue sign && answer._texts.TryGetValue(sign.GetValue<string>(), out var text))
                {
                    block["text"] = JsonValue.Create(text, Json);
                }
            }
        }

        return next(context, cancellationToken);
    };

    /// <summary>A block with this text.</summary>
    public TextContentBlock Block(AnswerMemory.PooledText text)
    {
        // Nothing else in the answer begins so: a text that a tool writes by itself is JSON or a sentence.
        var sign = $"\0{_texts.Count}";
        _texts.Add(sign, text);
        return new TextContentBlock { Text = sign };
    }

    public void Dispose() => Memory.Dispose();

    private static FileAnswer? Find(JsonRpcMessage message) =>
        message.Context?.Items?.TryGetValue(nameof(FileAnswer), out var answer) == true ? (FileAnswer?)answer : null;
}
