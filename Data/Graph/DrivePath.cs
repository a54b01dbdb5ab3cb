using System.Buffers;

namespace McpFilesServer.Data;

/// <summary>
/// A path in the caller's drive, '/'-separated, from its top. Only what has one meaning becomes one: no way up, nothing empty, nothing that is not seen, and none
/// of the characters that OneDrive itself refuses; among them the ':' that would end the path in an address of Graph.
/// </summary>
internal sealed record DrivePath
{
    /// <summary>The longest path, in characters: OneDrive's own limit.</summary>
    public const int MaxLength = 400;

    private static readonly SearchValues<char> Refused = SearchValues.Create("\"*:<>?\\|");

    private DrivePath(string text) => Text = text;

    /// <summary>The drive itself.</summary>
    public static DrivePath Root { get; } = new("");

    /// <summary>Empty for the drive itself.</summary>
    public string Text { get; }

    public bool IsRoot => Text.Length == 0;

    /// <summary>The last name.</summary>
    public string Name => Text[(Text.LastIndexOf('/') + 1)..];

    /// <summary>What a sentence calls it. Its characters were looked at when it was parsed.</summary>
    public string What => IsRoot ? "drive of yours" : $"file or folder '{Text}' in your OneDrive";

    /// <summary>Reads a path as a caller writes it. "" and "." are the drive; one '/' may follow a folder.</summary>
    /// <exception cref="ProblemException">It is refused; the sentence says why and repeats nothing of it.</exception>
    public static DrivePath Parse(string text)
    {
        text = text is "" or "." ? "" : text.Length > 1 && text.EndsWith('/') ? text[..^1] : text;
        return text.Length == 0 ? Root : ProblemOf(text) is { } problem ? throw new ProblemException(problem) : new(text);
    }

    /// <summary>Reads the path of a file.</summary>
    /// <exception cref="ProblemException">It is refused, or is that of the drive itself.</exception>
    public static DrivePath ParseFile(string text) =>
        Parse(text) is { IsRoot: false } path && !text.EndsWith('/') ? path : throw new ProblemException("The path in OneDrive needs the name of a file at its end.");

    /// <summary>Something in this folder; null when no caller could ever name it.</summary>
    public DrivePath? Child(string name)
    {
        var text = IsRoot ? name : $"{Text}/{name}";
        return name.Contains('/', StringComparison.Ordinal) || ProblemOf(text) is not null ? null : new(text);
    }

    /// <summary>Its address below the root of Graph; with what of it is meant, such as <c>children</c>.</summary>
    public string Address(string? part = null) => (IsRoot, part) switch
    {
        (true, null) => "me/drive/root",
        (true, _) => $"me/drive/root/{part}",
        (false, null) => $"me/drive/root:/{Escaped()}",
        _ => $"me/drive/root:/{Escaped()}:/{part}",
    };

    public override string ToString() => Text;

    private string Escaped() => string.Join('/', Text.Split('/').Select(Uri.EscapeDataString));

    private static string? ProblemOf(string text) =>
        NameRules.ProblemOfText(text, MaxLength) ?? text.Split('/').Select(ProblemOfName).FirstOrDefault(problem => problem is not null);

    private static string? ProblemOfName(string name) => name switch
    {
        "" => "A path in OneDrive has one '/' between names, and none before the first.",
        "." or ".." => "A path in OneDrive has no '.' or '..' components: it names its target directly, from the top of the drive.",
        _ when name.AsSpan().ContainsAny(Refused) => "A name in OneDrive has none of these characters: \" * : < > ? \\ |",
        _ when name[^1] == '.' || char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1]) => "A name in OneDrive does not begin or end with a space, nor end with a dot.",
        _ => null,
    };
}
