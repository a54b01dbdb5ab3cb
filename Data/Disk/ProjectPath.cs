using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// The name of a file or directory inside a project: components joined by '/', in Unicode's composed form (NFC), and one spelling only. Whoever
/// holds one knows that <see cref="NameRules"/> has seen every component; what is on the disk is <see cref="ProjectFolder"/>'s to find out.
/// </summary>
internal sealed record ProjectPath
{
    /// <summary>The longest path, in bytes of UTF-8.</summary>
    public const int MaxBytes = 4096;

    /// <summary>The most components that a path may have.</summary>
    public const int MaxDepth = 64;

    // How much of the text is the directory that the caller's paths start from, the slash after it included.
    private readonly int _start;

    private ProjectPath(string text, int start = 0) => (Text, _start) = (text, start);

    /// <summary>The project itself.</summary>
    public static ProjectPath Root { get; } = new("");

    /// <summary>The path in the project, '/'-separated; empty for the project itself.</summary>
    public string Text { get; }

    /// <summary>The path as the caller names it: from the directory that he started in. What is shown to him is this.</summary>
    public string Shown => Text.Length > _start ? Text[_start..] : "";

    public bool IsRoot => Text.Length == 0;

    /// <summary>The last component; empty for the project itself.</summary>
    public string Name => Text[(Text.LastIndexOf('/') + 1)..];

    /// <summary>The directory around it; the project itself is its own parent.</summary>
    public ProjectPath Parent => Text.LastIndexOf('/') is > 0 and var slash ? new(Text[..slash], _start) : Root;

    public IReadOnlyList<string> Components => IsRoot ? [] : Text.Split('/');

    /// <summary>Reads a path as a caller writes it. "" and "." are the project; one '/' may follow a directory.</summary>
    /// <exception cref="ProblemException">The path is refused; the sentence says why and repeats nothing of it.</exception>
    public static ProjectPath Parse(string text)
    {
        if (text is "" or ".")
        {
            return Root;
        }

        // Before anything else looks at the text: normalising is not free, and it throws for lone surrogates.
        var problem = NameRules.ProblemOfText(text, MaxBytes);
        if (problem is null)
        {
            text = NameRules.Compose(text);
            problem = ProblemOfPath(text.EndsWith('/') ? text = text[..^1] : text);
        }

        return problem is null ? new(text) : throw new ProblemException(problem);
    }

    /// <summary>A path that starts in this directory.</summary>
    /// <exception cref="ProblemException">Together they are too long.</exception>
    public ProjectPath Join(ProjectPath path) =>
        IsRoot ? path : new((path.IsRoot ? this : Parse($"{Text}/{path.Text}")).Text, Text.Length + 1);

    /// <summary>The path of an entry found in this directory, or null when no caller could ever name it.</summary>
    public ProjectPath? Child(string name)
    {
        var text = IsRoot ? name : $"{Text}/{name}";
        return !name.Contains('/', StringComparison.Ordinal)
            && NameRules.ProblemOfText(text, MaxBytes) is null
            && string.Equals(NameRules.Compose(name), name, StringComparison.Ordinal)
            && ProblemOfPath(text) is null ? new(text, _start) : null;
    }

    public override string ToString() => Text;

    private static string? ProblemOfPath(string text)
    {
        if (text.Length == 0 || text[0] == '/')
        {
            return "A path starts inside the project, not with '/'.";
        }

        if (Encoding.UTF8.GetByteCount(text) > MaxBytes)
        {
            return NameRules.TooLong;
        }

        var components = text.Split('/');
        return components.Length > MaxDepth
            ? $"A path has at most {MaxDepth} components."
            : components.Select(NameRules.ProblemOfName).FirstOrDefault(problem => problem is not null);
    }
}
