using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>A place in the chain: a record, and the hash over it and all before it.</summary>
internal readonly record struct Link(long Sequence, string Hash);

/// <summary>How records become rows and rows a chain: the columns in their order, and the hash over them.</summary>
internal static class AuditChain
{
    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer)? s_form;

    /// <summary>How many columns there were at first. They are in the hash by their place, with or without a value.</summary>
    private const int First = 22;

    /// <summary>
    /// All columns but <c>sequence</c> and <c>hash</c>. Their order is that of the hash and must not change. One that is added comes last: it is in the hash with its name,
    /// and only where it has a value, so that older records keep theirs.
    /// </summary>
    public static readonly IReadOnlyList<string> Columns =
    [
        "recorded_at", "kind", "decision", "reason", "policy_version", "trace_id", "address", "issuer", "subject", "client", "token_id", "method", "target",
        "arguments_digest", "scopes_needed", "scopes_held", "about", "project", "duration_ms", "bytes", "repeated", "detail",
        "client_trace_id", "status", "exchanged_token_id", "downstream_status",
    ];

    /// <summary>The values of a record, in the order of <see cref="Columns"/>: text, whole numbers, or null.</summary>
    public static object?[] Values(AuditRecord record, string recordedAt) =>
    [
        recordedAt, record.Kind, record.Decision, record.Reason, record.PolicyVersion, record.TraceId, record.Address, record.Issuer, record.Subject, record.Client,
        record.TokenId, record.Method, record.Target, record.ArgumentsDigest, record.ScopesNeeded, record.ScopesHeld, record.About, record.Project, record.DurationMs,
        record.Bytes, record.Repeated, record.Detail, record.ClientTraceId, record.Status, record.ExchangedTokenId, record.DownstreamStatus,
    ];

    /// <summary>SHA-256 over the hash before, the number and the values, written as a JSON array, which has one form for one record.</summary>
    public static string Hash(string previous, long sequence, IEnumerable<object?> values)
    {
        // One thread writes the chain, and a record has about the length of the one before.
        var (buffer, writer) = s_form ??= Form();
        buffer.ResetWrittenCount();
        writer.Reset(buffer);
        writer.WriteStartArray();
        writer.WriteStringValue(previous);
        writer.WriteNumberValue(sequence);
        var column = 0;
        foreach (var value in values)
        {
            if (column < First)
            {
                Write(writer, value);
            }
            else if (value is not (null or DBNull))
            {
                writer.WriteStringValue(Columns[column]);
                Write(writer, value);
            }

            column++;
        }

        writer.WriteEndArray();
        writer.Flush();
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    private static (ArrayBufferWriter<byte>, Utf8JsonWriter) Form()
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        return (buffer, new Utf8JsonWriter(buffer));
    }

    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null or DBNull:
                writer.WriteNullValue();
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            default:
                writer.WriteStringValue((string)value);
                break;
        }
    }
}
