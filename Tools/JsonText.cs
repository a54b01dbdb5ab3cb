using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>
/// Writes text of a file into JSON in one pass, byte for byte as the SDK's serialiser would: what its encoder leaves alone is copied in whole runs,
/// what it escapes is looked up, and what is not ASCII is left to the encoder itself.
/// </summary>
internal sealed class JsonText : JsonConverter<AnswerMemory.PooledText>
{
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.Default;

    private static readonly string[] Escaped = [.. Enumerable.Range(0, 0x80).Select(code => Encoder.Encode(((char)code).ToString()))];

    private static readonly SearchValues<byte> Plain = SearchValues.Create([.. Enumerable.Range(0, 0x80).Where(code => Escaped[code].Length == 1).Select(code => (byte)code)]);

    public override AnswerMemory.PooledText Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, AnswerMemory.PooledText value, JsonSerializerOptions options)
    {
        var text = value.Utf8;
        // Room for ordinary text, and if that is not enough for the worst: six bytes for each.
        if (!TryWrite(writer, text, Math.Max(64, text.Length * 2)) && !TryWrite(writer, text, (text.Length * 6) + 2))
        {
            throw new JsonException("A text did not fit.");
        }
    }

    private static bool TryWrite(Utf8JsonWriter writer, ReadOnlySpan<byte> text, int room)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(room);
        try
        {
            if (Escape(text, buffer) is not (> 0 and var length))
            {
                return false;
            }

            writer.WriteRawValue(buffer.AsSpan(0, length), skipInputValidation: true);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The text as a JSON string, quotes included.</summary>
    /// <returns>How many bytes it has; 0 when there is not room enough.</returns>
    private static int Escape(ReadOnlySpan<byte> text, Span<byte> json)
    {
        json[0] = (byte)'"';
        var written = 1;
        while (!text.IsEmpty)
        {
            var run = text.IndexOfAnyExcept(Plain) is >= 0 and var next ? next : text.Length;
            // The longest escape of one byte, and the closing quote.
            if (json.Length - written < run + 7)
            {
                return 0;
            }

            text[..run].CopyTo(json[written..]);
            written += run;
            text = text[run..];
            if (text is [< 0x80 and var escaped, ..])
            {
                foreach (var letter in Escaped[escaped])
                {
                    json[written++] = (byte)letter;
                }

                text = text[1..];
            }
            else if (!text.IsEmpty)
            {
                var other = text.IndexOfAnyInRange<byte>(0, 0x7F) is > 0 and var end ? text[..end] : text;
                if (Encoder.EncodeUtf8(other, json[written..^1], out var read, out var encoded) != OperationStatus.Done)
                {
                    return 0;
                }

                written += encoded;
                text = text[read..];
            }
        }

        json[written++] = (byte)'"';
        return written;
    }
}
