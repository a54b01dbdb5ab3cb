using System.Text;
using System.Text.Unicode;

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

/// <summary>
/// Takes lines out of a text file, as they stand there. It reads no more of the file than it must: a head stops at its last line, a tail begins at the
/// file's end. Where there is more than may be given, whole lines are left out; a single line that is too long is cut.
/// </summary>
internal static class TextLines
{
    private const int Block = 64 * 1024;

    /// <summary>So much of the beginning shows how a file keeps its text.</summary>
    private const int Sample = 256;

    /// <exception cref="System.Text.DecoderFallbackException">The file is not text.</exception>
    public static TextPart Read(OpenedFile file, LineRange range, int maxBytes, AnswerMemory memory, CancellationToken cancellationToken)
    {
        // A little more than may be given shows that there is more. What fits takes no more than it has: a buffer of the pool is a power of two.
        var most = file.Entry.Size!.Value <= maxBytes ? (int)file.Entry.Size.Value : maxBytes + 4;
        var buffer = memory.Rent(Math.Max(Block, most));
        // What is to begin with the first line is read once.
        var fromStart = range.Tail is null && range.First == 1;
        var known = ReadFully(file, buffer.AsSpan(0, fromStart ? Math.Min(Block, most) : Sample), 0);
        var encoding = TextEncoding.Of(buffer.AsSpan(0, Math.Min(Sample, known)));
        var lines = new Lines(file, encoding, memory, buffer, most, maxBytes, cancellationToken);
        return range.Tail is { } tail ? lines.Tail(tail) : lines.From(range.First, range.Last, fromStart ? known : 0);
    }

    private static int ReadFully(OpenedFile file, Span<byte> buffer, long offset)
    {
        // What is appended while it is read is not of the version that was opened.
        buffer = buffer[..(int)Math.Clamp(file.Entry.Size!.Value - offset, 0, buffer.Length)];
        var filled = 0;
        int read;
        while (filled < buffer.Length && (read = RandomAccess.Read(file.Handle, buffer[filled..], offset + filled)) > 0)
        {
            filled += read;
        }

        return filled;
    }

    private sealed class Lines(OpenedFile file, TextEncoding encoding, AnswerMemory memory, byte[] buffer, int most, int maxBytes, CancellationToken cancellationToken)
    {
        private readonly int _unit = encoding.Unit;

        /// <param name="first">The first line that is wanted.</param>
        /// <param name="last">The last.</param>
        /// <param name="known">How many bytes of the file's beginning are in the buffer already; 0 when the first line is not that of the file.</param>
        public TextPart From(int first, int last, int known)
        {
            var (offset, line) = ((long)encoding.Mark, 1);
            while (line < first && Skip(ref offset, first - line) is var skipped and > 0)
            {
                line += skipped;
            }

            if (line < first)
            {
                return Give(0, 0, first, cut: false);
            }

            var missing = last == int.MaxValue ? int.MaxValue : last - first + 1;
            var (filled, end, read) = (Math.Max(0, known - encoding.Mark), 0, 1);
            buffer.AsSpan(known - filled, filled).CopyTo(buffer);
            while (true)
            {
                while (last < int.MaxValue && missing > 0 && encoding.NextLine(buffer.AsSpan(end, (filled - end) & -_unit)) is var at and >= 0)
                {
                    end += at + _unit;
                    missing--;
                }

                if (missing == 0 || filled > maxBytes || read == 0)
                {
                    break;
                }

                cancellationToken.ThrowIfCancellationRequested();
                read = ReadFully(file, buffer.AsSpan(filled, Math.Min(Block, most - filled)), offset + filled);
                filled += read;
            }

            return missing == 0 ? Give(0, end, first, cut: false) : filled <= maxBytes ? Give(0, filled, first, cut: false) : CutEnd(first, filled);
        }

        /// <summary>Blocks from the end backwards, until one has the beginning of the first line that is wanted.</summary>
        public TextPart Tail(int count)
        {
            var size = file.Entry.Size!.Value;
            var from = Math.Max(size - maxBytes, encoding.Mark);
            from += (size - from) % _unit;
            var length = (int)(size - from);
            var (start, begin) = (length, -1);
            while (start > 0 && begin < 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var end = start;
                start = Math.Max(0, start - Block);
                if (ReadFully(file, buffer.AsSpan(start, end - start), from + start) < end - start)
                {
                    throw new ProblemException("The file was changed while it was read. Read it again.");
                }

                // The line feed at the very end closes the last line and begins none.
                end -= end == length && encoding.LastLine(buffer.AsSpan(start, end - start)) == end - start - _unit ? _unit : 0;
                while (begin < 0 && encoding.LastLine(buffer.AsSpan(start, end - start)) is var at and >= 0)
                {
                    end = start + at;
                    begin = --count == 0 ? end + _unit : -1;
                }
            }

            return begin >= 0 ? Give(begin, length, null, cut: false) : from == encoding.Mark ? Give(0, length, null, cut: false) : CutStart(length);
        }

        /// <summary>More was asked for than may be given: the whole lines that fit, or what fits of a single one.</summary>
        private TextPart CutEnd(int first, int filled)
        {
            var most = buffer.AsSpan(0, Math.Min(filled, maxBytes) & -_unit);
            var whole = encoding.LastLine(most) + _unit;
            return Give(0, whole >= _unit ? whole : encoding.WholeCharacters(most), first, cut: true);
        }

        private TextPart CutStart(int length)
        {
            var most = buffer.AsSpan(0, length);
            var whole = encoding.NextLine(most) + _unit;
            return Give(whole >= _unit && whole < length ? whole : encoding.CutCharacter(most), length, null, cut: true);
        }

        /// <summary>Goes on by at most so many lines, and says how many; 0 when there are no more.</summary>
        private int Skip(ref long offset, int lines)
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var read = ReadFully(file, buffer.AsSpan(0, Block), offset) & -_unit;
                var (at, skipped) = (0, 0);
                while (skipped < lines && encoding.NextLine(buffer.AsSpan(at, read - at)) is var next and >= 0)
                {
                    at += next + _unit;
                    skipped++;
                }

                // A block without a line feed is inside of a line.
                offset += skipped > 0 ? at : read;
                if (skipped > 0 || read == 0)
                {
                    return skipped;
                }
            }
        }

        private TextPart Give(int start, int end, int? first, bool cut)
        {
            var text = Visible(start, end - start, out var replaced);
            var utf8 = text.Utf8;
            var feeds = utf8.Count((byte)'\n');
            var windows = feeds == 0 ? 0 : utf8.Count("\r\n"u8);
            var lines = feeds + (utf8 is [.., not (byte)'\n'] ? 1 : 0);
            return new TextPart(text, new TextGiven(file.Entry.Path, file.Entry.Etag!, file.Entry.Size!.Value, lines, encoding.Name, cut)
            {
                LineEnding = feeds == 0 ? null : windows == 0 ? "lf" : windows == feeds ? "crlf" : "mixed",
                FirstLine = first,
                LastLine = first + lines - 1,
                ReplacedCharacters = replaced > 0 ? replaced : null,
            });
        }

        /// <summary>Most text is given as it was read; only what may need a sign, or is no UTF-8, is decoded.</summary>
        private AnswerMemory.PooledText Visible(int start, int length, out int replaced)
        {
            var raw = buffer.AsSpan(start, length);
            if (_unit == 1 && VisibleText.IsPlain(raw) && Utf8.IsValid(raw))
            {
                replaced = 0;
                return memory.Text(buffer, start, length);
            }

            var text = VisibleText.Of(encoding.Decode(raw), out replaced);
            var utf8 = memory.Rent(Encoding.UTF8.GetByteCount(text));
            return memory.Text(utf8, 0, Encoding.UTF8.GetBytes(text, utf8));
        }
    }
}
