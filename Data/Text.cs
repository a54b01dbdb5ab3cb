using System.Globalization;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>Short texts that people give things: titles and names.</summary>
internal static class Text
{
    /// <summary>One line that can be read: no control characters, nothing that is invisible or turns text around.</summary>
    /// <exception cref="ProblemException">It is something else.</exception>
    public static string OneLine(string text, string what) =>
        string.IsNullOrWhiteSpace(text) || text.EnumerateRunes().Any(rune => rune == Rune.ReplacementChar || IsInvisible(rune))
            ? throw new ProblemException($"The {what} must have letters, and no control characters.")
            : text.Trim();

    // Plane 14 has the tags, with which text is smuggled past a reader.
    private static bool IsInvisible(Rune rune) => rune.Plane == 14 || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned;
}
