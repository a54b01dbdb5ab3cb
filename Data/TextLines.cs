using System.Text;

namespace McpFilesServer.Data;

/// <summary>Which lines of a file are wanted. Lines are counted from 1, both ends included.</summary>
internal sealed record LineRange(int First, int Last, int? Tail)
{
    public bool IsWhole => First == 1 && Last == int.MaxValue && Tail is null;

    /// <exception cref="ProblemException">More than one way to choose lines was used, or the range is upside down.</exception>
    public static LineRange Of(int? head, int? tail, int? startLine, int? endLine)
    {
        var ways = (head is null ? 0 : 1) + (tail is null ? 0 : 1) + (startLine is null && endLine is null ? 0 : 1);
        return ways > 1 ? throw new ProblemException("Use only one of head, tail, and start_line with end_line.")
            : endLine < (startLine ?? 1) ? throw new ProblemException("end_line must not be less than start_line.")
            : new LineRange(startLine ?? 1, head ?? endLine ?? int.MaxValue, tail);
    }
}

/// <summary>Takes lines out of a text file, as they stand there, with memory for no more than is given.</summary>
internal static class TextLines
{
    /// <exception cref="DecoderFallbackException">The file is not text.</exception>
    public static async Task<TextPart> ReadAsync(OpenedFile file, LineRange range, int maxBytes, CancellationToken cancellationToken)
    {
        await using var stream = file.AsStream();
        if (range.Tail is { } tail)
        {
            var total = await CountAsync(stream, cancellationToken);
            range = range with { First = Math.Max(1, total - tail + 1) };
            stream.Position = 0;
        }

        var text = new StringBuilder();
        var (line, bytes, cut, endsLine) = (1, 0, false, true);
        await foreach (var chunk in ChunksAsync(stream, cancellationToken))
        {
            for (var start = 0; start < chunk.Length && line <= range.Last && !cut;)
            {
                var newLine = chunk.Span[start..].IndexOf('\n');
                var end = newLine < 0 ? chunk.Length : start + newLine + 1;
                if (line >= range.First)
                {
                    var piece = chunk[start..end];
                    bytes += Encoding.UTF8.GetByteCount(piece.Span);
                    cut = bytes > maxBytes;
                    text.Append(cut ? default : piece);
                }

                endsLine = newLine >= 0;
                line += endsLine ? 1 : 0;
                start = end;
            }

            if (line > range.Last || cut)
            {
                break;
            }
        }

        var last = endsLine ? line - 1 : line;
        return new TextPart(text.ToString(), new TextGiven(file.Entry.Path, file.Entry.Etag!, file.Entry.Size!.Value, range.First, Math.Max(last, range.First - 1), cut));
    }

    private static async Task<int> CountAsync(Stream stream, CancellationToken cancellationToken)
    {
        var (lines, endsLine) = (0, true);
        await foreach (var chunk in ChunksAsync(stream, cancellationToken))
        {
            lines += chunk.Span.Count('\n');
            endsLine = chunk.Span[^1] == '\n';
        }

        return endsLine ? lines : lines + 1;
    }

    /// <summary>The file as text: UTF-8, or UTF-16 when a byte order mark says so. A NUL or a broken sequence means that it is none.</summary>
    private static async IAsyncEnumerable<ReadOnlyMemory<char>> ChunksAsync(
        Stream stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
        using var reader = new StreamReader(stream, utf8, detectEncodingFromByteOrderMarks: true, bufferSize: 32 * 1024, leaveOpen: true);
        var buffer = new char[32 * 1024];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (buffer.AsSpan(0, read).Contains('\0'))
            {
                throw new DecoderFallbackException();
            }

            yield return buffer.AsMemory(0, read);
        }
    }
}
