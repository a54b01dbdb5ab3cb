using System.Buffers;
using System.Text;

namespace McpFilesServer.Data;

/// <summary>
/// Text of a file as it is given to a model. Everything that a person reading the file would see is given as it stands; what nobody sees and a model or a
/// terminal obeys is replaced by a visible sign, one for each, and counted: control characters (an escape sequence becomes <c>␛[31m</c>), Unicode tags, and
/// variation selectors that follow another one and so select nothing. Tab, line feed and carriage return stay.
/// </summary>
internal static class VisibleText
{
    private const char Replacement = '\uFFFD';

    // Everything of interest, and the two halves by which plane 14 begins; what is none after all is found out one by one.
    private static readonly SearchValues<char> Suspicious = SearchValues.Create(
    [
        .. Enumerable.Range(0, 0x20).Select(code => (char)code).Except(['\t', '\n', '\r']),
        .. Enumerable.Range(0x7F, 0x21).Select(code => (char)code),
        .. Enumerable.Range(0xFE00, 16).Select(code => (char)code),
        '\uDB40',
    ]);

    // The bytes by which the same begin in UTF-8, NUL among them.
    private static readonly SearchValues<byte> SuspiciousBytes = SearchValues.Create(
    [
        .. Enumerable.Range(0, 0x20).Select(code => (byte)code).Except("\t\n\r"u8.ToArray()),
        0x7F, 0xC2, 0xEF, 0xF3,
    ]);

    /// <summary>Whether the text, in UTF-8, has certainly nothing to be replaced, nor a NUL.</summary>
    public static bool IsPlain(ReadOnlySpan<byte> utf8) => !utf8.ContainsAny(SuspiciousBytes);

    /// <summary>The text with signs for what is not seen.</summary>
    /// <param name="text">Valid text: no half of a surrogate pair alone.</param>
    /// <param name="replaced">How many characters were replaced.</param>
    public static string Of(string text, out int replaced)
    {
        replaced = 0;
        var next = text.AsSpan().IndexOfAny(Suspicious);
        if (next < 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        var (done, selectorEnd) = (0, -1);
        while (next >= 0)
        {
            var at = done + next;
            result.Append(text, done, next);
            var rune = Rune.TryGetRuneAt(text, at, out var found) ? found : Rune.ReplacementChar;
            var isSelector = rune.Value is (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF);
            done = at + rune.Utf16SequenceLength;
            if (rune.Value < 0xA0 || (rune.Value >= 0xE0000 && !isSelector) || (isSelector && selectorEnd == at))
            {
                result.Append(rune.Value < 0x20 ? (char)(0x2400 + rune.Value) : rune.Value == 0x7F ? '\u2421' : Replacement);
                replaced++;
            }
            else
            {
                result.Append(text, at, rune.Utf16SequenceLength);
            }

            selectorEnd = isSelector ? done : selectorEnd;
            next = text.AsSpan(done).IndexOfAny(Suspicious);
        }

        return result.Append(text, done, text.Length - done).ToString();
    }
}
