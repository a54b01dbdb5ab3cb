using System.Buffers;
using System.Globalization;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// What a name may look like, the same on every operating system: a project can move from Linux to Windows and every name in it still means one
/// file. Each rule answers with a sentence, or null when there is nothing to say; no sentence repeats the name, which may be hostile.
/// </summary>
internal static class NameRules
{
    /// <summary>Names that start so are the server's own (temporaries, the trash): no caller can name them or see them.</summary>
    public const string OwnPrefix = ".mcp-";

    public const string TooLong = "The path is too long.";

    private const int MaxNameBytes = 255;

    private const string Invisible = "A path has no control characters, invisible characters or characters that change the direction of text.";

    private static readonly SearchValues<byte> PlainBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+=@()[]{}~,"u8);

    private static readonly HashSet<string> Devices = new(
        [
            "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$",
            .. "0123456789¹²³".SelectMany(digit => new[] { $"COM{digit}", $"LPT{digit}" }),
        ],
        StringComparer.OrdinalIgnoreCase);

    // InvariantGlobalization turns string.Normalize into a no-op that calls everything normalised. Two spellings of one name must not become
    // two files, so without Unicode's tables a name that would need them is refused.
    private static readonly bool CanCompose = "e\u0301".Normalize(NormalizationForm.FormC).Length == 1;

    /// <summary>What is wrong with the characters of a path, whatever its shape.</summary>
    public static string? ProblemOfText(string text, int maxBytes)
    {
        // A character is at least one byte; this bounds the work of everything below.
        if (text.Length > maxBytes)
        {
            return TooLong;
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                return "A path is valid Unicode text.";
            }

            if (IsInvisible(rune))
            {
                return Invisible;
            }

            if (!CanCompose && NeedsTables(rune))
            {
                return "A path has no combining characters on this server; write each letter as one composed character.";
            }

            i += rune.Utf16SequenceLength - 1;
        }

        return null;
    }

    /// <summary>Whether a text can have a composed form: it has no half of a surrogate pair.</summary>
    public static bool CanBeComposed(string text) => text.EnumerateRunes().All(rune => rune != Rune.ReplacementChar);

    /// <summary>Unicode's composed form, so that a name has one spelling. Only for text without lone surrogates.</summary>
    public static string Compose(string text) => text.Normalize(NormalizationForm.FormC);

    /// <summary>What is wrong with one component of a path, after <see cref="ProblemOfText"/> and <see cref="Compose"/>.</summary>
    public static string? ProblemOfName(string name) => name switch
    {
        "" => "A path has no empty components: one '/' between names.",
        "." or ".." => "A path has no '.' or '..' components: it names its target directly, from the project.",
        _ when name.Contains('\\', StringComparison.Ordinal) => "A path has '/' between names, and no '\\'.",
        _ when name.Contains(':', StringComparison.Ordinal) => "A path has no ':'; it is not a URL and names no drive or stream.",
        _ when char.IsWhiteSpace(name[0]) => "A name does not start with a space.",
        _ when name[^1] == '.' || char.IsWhiteSpace(name[^1]) => "A name does not end with a dot or a space.",
        _ when name.StartsWith(OwnPrefix, StringComparison.OrdinalIgnoreCase) => $"Names that start with '{OwnPrefix}' belong to the server.",
        _ when Devices.Contains(name.Split('.')[0].TrimEnd()) => "The name is reserved for a device on some systems.",
        _ when Encoding.UTF8.GetByteCount(name) > MaxNameBytes => $"A name has at most {MaxNameBytes} bytes.",
        _ => null,
    };

    /// <summary>
    /// Whether a name, as the disk has it, surely keeps all rules: for a quick yes to nearly all names of a large directory. The others are asked one by one.
    /// </summary>
    public static bool IsPlain(ReadOnlySpan<byte> name)
    {
        // Devices without a "$" have bases of three and four letters; the server's own names begin with a dot.
        var dot = name.IndexOf((byte)'.');
        return name.Length is > 0 and <= MaxNameBytes && name.IndexOfAnyExcept(PlainBytes) < 0 && name[0] != '.' && name[^1] != '.'
            && (dot < 0 ? name.Length : dot) is not (3 or 4);
    }

    // Format characters are the zero-width and bidirectional ones. Beyond them: plane 14 (tags and variation selectors, with which text is
    // smuggled past a reader), letters that are drawn as nothing, and noncharacters.
    private static bool IsInvisible(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        || rune.Value is (>= 0xE0000 and <= 0xE0FFF) or 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5
            or (>= 0x180B and <= 0x180F) or 0x3164 or 0xFFA0 or (>= 0x2060 and <= 0x206F) or (>= 0xFDD0 and <= 0xFDEF)
        || (rune.Value & 0xFFFE) == 0xFFFE;

    private static bool NeedsTables(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        || rune.Value is (>= 0x1100 and <= 0x11FF) or (>= 0xA960 and <= 0xA97F) or (>= 0xD7B0 and <= 0xD7FF);
}
