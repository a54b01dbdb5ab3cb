using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// What the <c>.gitignore</c> files on the way to a directory leave out, as Git reads them: the last rule that fits decides, and the file of an inner directory
/// goes before that of an outer one. The libraries that do this turn each rule into a regular expression that can be made to run for years; whoever may write
/// to a project may write such a file. Here a rule is a <see cref="Glob"/>, which cannot.
/// </summary>
internal sealed class IgnoreFile
{
    /// <summary>The name of such a file.</summary>
    public const string Name = ".gitignore";

    /// <summary>Only so much of a file is read, in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    private const int MaxRules = 1000;

    private readonly IgnoreFile? _outer;
    private readonly int _depth;
    private readonly List<(Glob Glob, bool IsExcepted, bool OnlyDirectories)> _rules = [];

    /// <param name="outer">That of the directory around it.</param>
    /// <param name="depth">How many components the path of its directory has.</param>
    /// <param name="content">The file.</param>
    public IgnoreFile(IgnoreFile? outer, int depth, ReadOnlySpan<byte> content)
    {
        (_outer, _depth) = (outer, depth);
        foreach (var line in Encoding.UTF8.GetString(content).Split('\n').Take(MaxRules))
        {
            Add(line.TrimEnd('\r'));
        }
    }

    /// <summary>Whether an entry is left out. That its directory is not, is known.</summary>
    public bool Ignores(IReadOnlyList<string> path, bool isDirectory)
    {
        for (var file = this; file is not null; file = file._outer)
        {
            for (var i = file._rules.Count - 1; i >= 0; i--)
            {
                var (glob, isExcepted, onlyDirectories) = file._rules[i];
                if ((isDirectory || !onlyDirectories) && glob.Matches(path.Skip(file._depth)))
                {
                    return !isExcepted;
                }
            }
        }

        return false;
    }

    private void Add(string rule)
    {
        // A space at the end counts only when a backslash stands before it.
        rule = rule.EndsWith("\\ ", StringComparison.Ordinal) ? rule : rule.TrimEnd(' ');
        if (rule.Length == 0 || rule[0] == '#')
        {
            return;
        }

        var isExcepted = rule[0] == '!';
        rule = isExcepted ? rule[1..] : rule;
        var onlyDirectories = rule.EndsWith('/');
        var isAnchored = rule.TrimEnd('/').Contains('/', StringComparison.Ordinal);
        if (Glob.TryParse(rule, atAnyDepth: !isAnchored, ignoreCase: false) is { } glob)
        {
            _rules.Add((glob, isExcepted, onlyDirectories));
        }
    }
}
