using System.IO.Enumeration;
using System.Text;
using System.Text.RegularExpressions;

namespace McpFilesServer.Data;

/// <summary>
/// A pattern for paths: <c>*</c> and <c>?</c> inside a name, <c>[a-z]</c>, <c>{a,b}</c>, and <c>**</c> for any number of directories. It is followed name by
/// name on the way down a tree, as a set of the places in the pattern that one may be at, so that a directory in which nothing can match is not entered.
/// Whoever wrote the pattern, it takes time in proportion to it.
/// </summary>
internal sealed class Glob
{
    private const int MaxSegments = 62;

    private readonly Func<string, bool>?[] _segments;

    private Glob(Func<string, bool>?[] segments)
    {
        _segments = segments;
        Start = Close(1);
    }

    /// <summary>Matches everything.</summary>
    public static Glob All { get; } = new([null, _ => true]);

    /// <summary>The places in the pattern at the directory where it begins.</summary>
    public ulong Start { get; }

    /// <summary>A pattern as a caller writes it. Without '/', it is for names at any depth.</summary>
    /// <exception cref="ProblemException">It cannot be followed; the sentence says why.</exception>
    public static Glob Parse(string pattern) => TryParse(pattern, atAnyDepth: !pattern.Contains('/', StringComparison.Ordinal), ignoreCase: true)
        ?? throw new ProblemException("The pattern is not one that can be searched for: it has *, ?, [a-z], {a,b} and **, and '/' between names.");

    /// <summary>A pattern; null when it is none.</summary>
    public static Glob? TryParse(string pattern, bool atAnyDepth, bool ignoreCase)
    {
        var parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (parts.Count is 0 or > MaxSegments)
        {
            return null;
        }

        if (atAnyDepth)
        {
            parts.Insert(0, "**");
        }

        // "a/**" is what is in a, not a itself.
        if (parts[^1] == "**")
        {
            parts.Add("*");
        }

        try
        {
            return new Glob([.. parts.Select(part => part == "**" ? null : Segment(NameRules.CanBeComposed(part) ? NameRules.Compose(part) : part, ignoreCase))]);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The places after one more name; 0 when nothing below it can match.</summary>
    public ulong Step(ulong places, string name)
    {
        var next = 0ul;
        for (var i = 0; i < _segments.Length; i++)
        {
            if ((places & (1ul << i)) != 0)
            {
                next |= _segments[i] is not { } matches ? 1ul << i : matches(name) ? 1ul << (i + 1) : 0;
            }
        }

        return Close(next);
    }

    /// <summary>Whether what was followed so far matches.</summary>
    public bool Accepts(ulong places) => (places & (1ul << _segments.Length)) != 0;

    /// <summary>Whether a whole path matches.</summary>
    public bool Matches(IEnumerable<string> names) => Accepts(names.Aggregate(Start, Step));

    private ulong Close(ulong places)
    {
        for (var i = 0; i < _segments.Length; i++)
        {
            places |= _segments[i] is null && (places & (1ul << i)) != 0 ? 1ul << (i + 1) : 0;
        }

        return places;
    }

    private static Func<string, bool> Segment(string part, bool ignoreCase)
    {
        if (part.AsSpan().IndexOfAny("[{\\") < 0)
        {
            return part.AsSpan().IndexOfAny("*?") < 0
                ? name => string.Equals(name, part, ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal)
                : name => FileSystemName.MatchesSimpleExpression(part, name, ignoreCase);
        }

        var regex = new Regex(ToRegex(part), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : 0));
        return name => regex.IsMatch(name);
    }

    private static string ToRegex(string part)
    {
        var regex = new StringBuilder(@"\A(?s:");
        var inBraces = false;
        for (var i = 0; i < part.Length; i++)
        {
            var c = part[i];
            var end = c == '[' ? part.IndexOf(']', Math.Min(part.Length, i + (part.AsSpan(i + 1) is ['!' or '^', ..] ? 3 : 2))) : -1;
            if (end > 0)
            {
                var isNot = part[i + 1] is '!' or '^';
                var members = part[(i + (isNot ? 2 : 1))..end];
                regex.Append(isNot ? "[^" : "[").Append(members.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("[", @"\[", StringComparison.Ordinal).Replace("]", @"\]", StringComparison.Ordinal)).Append(']');
                i = end;
            }
            else if (c == '\\' && i + 1 < part.Length)
            {
                regex.Append(Regex.Escape(part[++i].ToString()));
            }
            else if ((c == '{' && !inBraces && part.IndexOf('}', i) > 0) || (c == '}' && inBraces))
            {
                inBraces = !inBraces;
                regex.Append(inBraces ? "(?:" : ")");
            }
            else
            {
                regex.Append(c switch { '*' => ".*", '?' => ".", ',' when inBraces => "|", _ => Regex.Escape(c.ToString()) });
            }
        }

        return regex.Append(@")\z").ToString();
    }
}
