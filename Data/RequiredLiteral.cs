using System.Buffers;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// Text that every match of a regular expression has in it, for a quick no to files and lines that have it nowhere. When in doubt there is none: an
/// expression is read only as far as it is simple.
/// </summary>
internal sealed class RequiredLiteral
{
    private static readonly SearchValues<char> TimesCharacters = SearchValues.Create("0123456789,");

    private readonly byte[] _bytes;
    private readonly bool _ignoreCase;
    private readonly int _rare;

    private RequiredLiteral(byte[] bytes, bool ignoreCase)
    {
        (_bytes, _ignoreCase) = (bytes, ignoreCase);
        // The byte to look for when both cases count: a letter that is rare in text, or better no letter.
        _rare = Enumerable.Range(0, bytes.Length).MinBy(i => "etaonisrhldcumfpgwybvkxjqz".IndexOf((char)(bytes[i] | 0x20), StringComparison.Ordinal) is var common and >= 0 ? 26 - common : 0);
    }

    /// <summary>The literal of an expression; null when it has none that is surely there.</summary>
    public static RequiredLiteral? Of(string pattern, bool ignoreCase)
    {
        var longest = Runs(pattern) is { } runs
            ? runs.SelectMany(run => ignoreCase ? Caseless(run) : [run]).MaxBy(Encoding.UTF8.GetByteCount)
            : null;
        return string.IsNullOrEmpty(longest) ? null : new RequiredLiteral(Encoding.UTF8.GetBytes(longest), ignoreCase);
    }

    /// <summary>Where it stands first; -1 when nowhere.</summary>
    public int IndexIn(ReadOnlySpan<byte> text)
    {
        if (!_ignoreCase)
        {
            return text.IndexOf(_bytes);
        }

        var (lower, upper) = ((byte)char.ToLowerInvariant((char)_bytes[_rare]), (byte)char.ToUpperInvariant((char)_bytes[_rare]));
        for (var from = _rare; from + _bytes.Length - _rare <= text.Length; from++)
        {
            var found = text[from..].IndexOfAny(lower, upper);
            from += found;
            if (found < 0 || from + _bytes.Length - _rare > text.Length)
            {
                return -1;
            }

            if (Ascii.EqualsIgnoreCase(text.Slice(from - _rare, _bytes.Length), _bytes))
            {
                return from - _rare;
            }
        }

        return -1;
    }

    // Some letters have more than two cases (k has the Kelvin sign): ASCII without them is what bytes can be compared by.
    private static string[] Caseless(string run) => run.Split([.. run.Where(c => !char.IsAscii(c) || c is 'k' or 'K')]);

    /// <summary>The texts that stand outside of every group, class and alternative, and are not optional. Null when the expression is not simple.</summary>
    private static List<string>? Runs(string pattern)
    {
        var runs = new List<string>();
        var run = new StringBuilder();
        var depth = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            switch (c)
            {
                case '|' when depth == 0:
                    return null;
                case '\\' when i + 1 == pattern.Length || (char.IsLetterOrDigit(pattern[i + 1]) && !"dDwWsSbB".Contains(pattern[i + 1], StringComparison.Ordinal)):
                    return null;
                case '\\' when char.IsLetterOrDigit(pattern[++i]):
                    End();
                    break;
                case '\\':
                    Literal(pattern[i]);
                    break;
                case '(' when pattern.AsSpan(i + 1) is ['?', not ':', ..]:
                    return null;
                case '(':
                    End();
                    depth++;
                    break;
                case ')':
                    depth--;
                    break;
                case '[':
                    End();
                    if ((i = EndOfClass(pattern, i)) < 0)
                    {
                        return null;
                    }

                    break;
                case '?' or '*' or '{':
                    // What stands before it may be there no time at all. "{" begins a number of times, or is a literal that nobody needs.
                    run.Length = Math.Max(0, run.Length - 1);
                    End();
                    var times = c == '{' ? pattern.AsSpan(i + 1).IndexOfAnyExcept(TimesCharacters) : -1;
                    i += times >= 0 && pattern[i + 1 + times] == '}' ? times + 1 : 0;
                    break;
                case '+' or '.' or '^' or '$':
                    End();
                    break;
                default:
                    Literal(c);
                    break;
            }
        }

        End();
        return depth == 0 ? runs : null;

        void Literal(char c)
        {
            if (depth == 0)
            {
                run.Append(c);
            }
        }

        void End()
        {
            // Half of a character is none.
            if (run.Length > 0 && run.ToString() is var text && text.EnumerateRunes().All(rune => rune != Rune.ReplacementChar))
            {
                runs.Add(text);
            }

            run.Clear();
        }
    }

    private static int EndOfClass(string pattern, int start)
    {
        // A bracket right after the opening is a member. A class inside a class is not simple.
        var first = start + (pattern.AsSpan(start + 1) is ['^', ..] ? 2 : 1);
        for (var i = first; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '[':
                    return -1;
                case '\\':
                    i++;
                    break;
                case ']' when i > first:
                    return i;
            }
        }

        return -1;
    }
}
