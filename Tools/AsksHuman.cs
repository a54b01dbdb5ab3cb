using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>
/// The person is asked before each call of this tool, and it runs only after a yes to this very call. What is asked is built by
/// <typeparamref name="TQuestion"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class AsksHumanAttribute<TQuestion>() : AsksHumanAttribute(typeof(TQuestion)) where TQuestion : class, IQuestion;

/// <summary>
/// Builds the question about a call. Made anew for each call, with whatever its constructor asks for, as a tool is; twice for each: to ask, and to see,
/// after the answer, whether it would still be the same.
/// </summary>
internal interface IQuestion
{
    /// <summary>Authorizes as the tool itself does, with the same failures: who may not do it is not asked either.</summary>
    /// <param name="arguments">The call's arguments, which have the form that the tool's schema wants.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ProblemException">As the tool would say it.</exception>
    Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken);
}

/// <summary>What a person is asked.</summary>
/// <param name="Sentence">What exactly will happen, to what.</param>
/// <param name="Version">
/// The state of what is touched, as a text that is another one when it has changed: an etag, a role, a digest of a list. A yes counts for this version only.
/// </param>
internal sealed record Question(Sentence Sentence, string Version);

/// <summary>
/// Fixed text with names in it. It can only be written as an interpolated string, <c>$"Delete {path} for good."</c>, and every text that is put in is
/// neutralised and quoted: whoever named a file shall not write the question about it.
/// </summary>
[InterpolatedStringHandler]
internal readonly struct Sentence
{
    /// <summary>The longest name that is shown, in characters; of a longer one the beginning and the end.</summary>
    private const int MaxName = 80;

    private readonly StringBuilder _text;

    public Sentence(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (formattedCount * 16));

    public void AppendLiteral(string text) => _text.Append(text);

    public void AppendFormatted(string name) => _text.Append('“').Append(Neutral(name)).Append('”');

    public void AppendFormatted(long number) => _text.Append(CultureInfo.InvariantCulture, $"{number}");

    public override string ToString() => _text.ToString();

    /// <summary>
    /// Letters, digits and a few signs, of any script. Everything else becomes a question mark: control characters, line breaks, what turns the direction
    /// of writing or is not seen at all, quotation marks that would end the name, and the signs that links and markup are made of.
    /// </summary>
    private static string Neutral(string name)
    {
        var shown = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes())
        {
            _ = IsShown(rune) ? shown.Append(rune) : shown.Append('?');
        }

        // What some programs make a link of without any scheme before it.
        var text = shown.Replace("//", "/?").ToString().Replace("www.", "www?", StringComparison.OrdinalIgnoreCase);
        return text.Length <= MaxName ? text : $"{Whole(text[..(MaxName / 2)])}…{Whole(text[^(MaxName / 2)..])}";
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        // Letters by their category, and seen by nobody: fillers of Hangul.
        UnicodeCategory.OtherLetter => rune.Value is not (0x115F or 0x1160 or 0x3164 or 0xFFA0),
        // Signs that belong to the letter before; not the joiner, the selectors of variants, and the vowels of Khmer that nobody sees.
        UnicodeCategory.NonSpacingMark => rune.Value is not (0x034F or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF)),
        UnicodeCategory.SpacingCombiningMark => true,
        _ => Rune.IsLetterOrDigit(rune) || rune.Value is ' ' or '-' or '_' or '.' or ',' or '/' or '+' or '=' or '\'' or '(' or ')',
    };

    /// <summary>A cut may go through a pair of characters that are one.</summary>
    private static string Whole(string part) => new([.. part.Where((c, i) => !char.IsSurrogate(c)
        || (char.IsHighSurrogate(c) ? i + 1 < part.Length : i > 0))]);
}
