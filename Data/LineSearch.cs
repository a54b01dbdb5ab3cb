using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>What is looked for in texts.</summary>
internal sealed record TextQuery(Regex Regex, RequiredLiteral? Literal, int ContextLines)
{
    /// <summary>The longest expression, in characters.</summary>
    public const int MaxLength = 1000;

    // It is linear, but a line may be long and an expression dense.
    private static readonly TimeSpan MaxTimeOfLine = TimeSpan.FromMilliseconds(500);

    /// <summary>An expression as a caller writes it.</summary>
    /// <exception cref="ProblemException">It is none, or one that cannot be searched for in linear time; the sentence repeats nothing of it.</exception>
    public static TextQuery Of(string pattern, bool ignoreCase, int contextLines)
    {
        if (pattern.Length > MaxLength)
        {
            throw new ProblemException($"The pattern has more than {MaxLength} characters.");
        }

        try
        {
            var options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : 0);
            return new TextQuery(new Regex(pattern, options, MaxTimeOfLine), RequiredLiteral.Of(pattern, ignoreCase), contextLines);
        }
        catch (NotSupportedException)
        {
            throw new ProblemException("The pattern has look-around, a back reference, an atomic group or too many repetitions: this search takes none, so that it always ends.");
        }
        catch (ArgumentException)
        {
            throw new ProblemException("The pattern is not a regular expression. To search for text as it stands, put a backslash before each sign.");
        }
    }
}

/// <summary>
/// Looks for matching lines in files, one after the other, with one buffer. A file is read piece by piece; where the expression has a literal, only lines that
/// have it are decoded at all.
/// </summary>
internal sealed class LineSearch(TextQuery query, Findings<TextMatch> findings, CancellationToken cancellationToken) : ITreeVisitor
{
    private const int MaxBuffer = 1024 * 1024;
    private const int MaxShown = 400;
    private static readonly UTF8Encoding Lossy = new(false);

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
    private char[] _line = ArrayPool<char>.Shared.Rent(1024);
    private OpenedDirectory? _directory;
    private string _name = "";
    private bool _isWhole;

    public void Visit(OpenedDirectory directory, string name, FileKind kind)
    {
        if (kind != FileKind.File)
        {
            return;
        }

        using var file = directory.OpenFile(name, out var state);
        if (file is null)
        {
            return;
        }

        findings.CountSearched();
        (_directory, _name, _isWhole) = (directory, name, true);
        try
        {
            if (state.Size > 0)
            {
                Search(directory, file, state.Size);
            }
        }
        catch (RegexMatchTimeoutException)
        {
            _isWhole = false;
        }

        if (!_isWhole)
        {
            findings.CountSkipped();
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        ArrayPool<char>.Shared.Return(_line);
    }

    private void Search(OpenedDirectory directory, SafeFileHandle file, long size)
    {
        // Lines before `start` were searched and are here as context only; `line` is the number of the line at `counted`.
        var (filled, start, counted, line, offset) = (0, 0, 0, 1L, 0L);
        Resize((int)Math.Min(size + 1, MaxBuffer), 0);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var got = directory.Read(file, _buffer.AsSpan(filled), offset);
            filled += Math.Max(0, got);
            offset += Math.Max(0, got);
            var isEnd = got <= 0 || offset == size;
            if (offset == got)
            {
                if (Decoded(ref filled, ref isEnd, size) is false)
                {
                    _isWhole = false;
                    return;
                }
            }

            var text = _buffer.AsSpan(0, filled);
            if (text[start..].Contains((byte)0))
            {
                _isWhole = false;
                return;
            }

            // Lines whose context is not here yet wait for the next piece, unless there is no room for it.
            var end = isEnd ? filled : EndOfComplete(text);
            if (end <= start && !isEnd && filled < _buffer.Length)
            {
                continue;
            }

            if (end <= start && !isEnd)
            {
                end = filled;
                _isWhole = false;
            }

            SearchLines(text, start, end, ref counted, ref line);
            if (isEnd)
            {
                return;
            }

            line += text[counted..end].Count((byte)'\n');
            var keep = StartOfContext(text[..end]);
            keep = keep == 0 && filled == _buffer.Length ? end : keep;
            text[keep..].CopyTo(_buffer);
            (filled, start, counted) = (filled - keep, end - keep, end - keep);
        }
    }

    /// <summary>UTF-16 becomes UTF-8, as far as one buffer goes. False for what cannot be searched.</summary>
    private bool Decoded(ref int filled, ref bool isEnd, long size)
    {
        var encoding = TextEncoding.Of(_buffer.AsSpan(0, Math.Min(filled, 256)));
        if (encoding.Unit == 1)
        {
            return true;
        }

        if (!isEnd || size > MaxBuffer / 2)
        {
            return false;
        }

        var text = encoding.Decoder.GetString(_buffer.AsSpan(encoding.Mark, (filled - encoding.Mark) & ~1));
        Resize(Lossy.GetMaxByteCount(text.Length), 0);
        filled = Lossy.GetBytes(text, _buffer);
        return true;
    }

    private void SearchLines(ReadOnlySpan<byte> text, int start, int end, ref int counted, ref long line)
    {
        for (var at = start; at < end;)
        {
            if (query.Literal is { } literal)
            {
                var found = literal.IndexIn(text[at..end]);
                if (found < 0)
                {
                    return;
                }

                at += text.Slice(at, found).LastIndexOf((byte)'\n') + 1;
            }

            var length = text[at..end].IndexOf((byte)'\n');
            var next = length < 0 ? end : at + length + 1;
            var chars = Decode(text[at..next]);
            foreach (var match in query.Regex.EnumerateMatches(chars))
            {
                line += text[counted..at].Count((byte)'\n');
                counted = at;
                Add(text, at, next, line, match.Index, chars);
                cancellationToken.ThrowIfCancellationRequested();
                break;
            }

            at = next;
        }
    }

    private void Add(ReadOnlySpan<byte> text, int at, int next, long line, int column, ReadOnlySpan<char> chars)
    {
        var from = chars.Length <= MaxShown || column < MaxShown / 2 ? 0 : Math.Min(column - (MaxShown / 4), chars.Length - MaxShown);
        var cut = chars.Length > MaxShown;
        var shown = Shown(chars.Slice(from, Math.Min(MaxShown, chars.Length - from)));
        List<string>? before = null, after = null;
        var size = shown.Length;
        if (query.ContextLines > 0)
        {
            before = Context(text[StartOfContext(text[..at])..at], ref cut, ref size);
            after = Context(text[next..], ref cut, ref size);
        }

        findings.Add(
            new TextMatch(_directory!.Path.Child(_name)!.Shown, line, column + 1, shown, cut ? true : null, before, after), size + 100 + _name.Length);
    }

    private List<string> Context(ReadOnlySpan<byte> text, ref bool cut, ref int size)
    {
        var lines = new List<string>();
        while (text.Length > 0 && lines.Count < query.ContextLines)
        {
            var length = text.IndexOf((byte)'\n');
            var chars = Decode(length < 0 ? text : text[..length]);
            text = length < 0 ? [] : text[(length + 1)..];
            cut |= chars.Length > MaxShown;
            lines.Add(Shown(chars[..Math.Min(MaxShown, chars.Length)]));
            size += lines[^1].Length;
        }

        return lines;
    }

    private ReadOnlySpan<char> Decode(ReadOnlySpan<byte> line)
    {
        line = line is [.., (byte)'\n'] ? line[..^1] : line;
        line = line is [.., (byte)'\r'] ? line[..^1] : line;
        if (_line.Length < line.Length)
        {
            ArrayPool<char>.Shared.Return(_line);
            _line = ArrayPool<char>.Shared.Rent(line.Length);
        }

        return _line.AsSpan(0, Lossy.GetChars(line, _line));
    }

    // Half of a character at either end is none.
    private static string Shown(ReadOnlySpan<char> chars)
    {
        chars = chars is [var first, ..] && char.IsLowSurrogate(first) ? chars[1..] : chars;
        chars = chars is [.., var last] && char.IsHighSurrogate(last) ? chars[..^1] : chars;
        return VisibleText.Of(chars.ToString(), out _);
    }

    /// <summary>The end of the lines that have as many lines after them as are given as context.</summary>
    private int EndOfComplete(ReadOnlySpan<byte> text)
    {
        var end = text.LastIndexOf((byte)'\n') + 1;
        for (var i = 0; i < query.ContextLines && end > 0; i++)
        {
            end = text[..(end - 1)].LastIndexOf((byte)'\n') + 1;
        }

        return end;
    }

    /// <summary>The start of the last lines, as many as are given as context.</summary>
    private int StartOfContext(ReadOnlySpan<byte> text)
    {
        var start = text.Length;
        for (var i = 0; i < query.ContextLines && start > 0; i++)
        {
            start = text[..(start - 1)].LastIndexOf((byte)'\n') + 1;
        }

        return start;
    }

    private void Resize(int size, int used)
    {
        if (_buffer.Length >= size)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
