using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using DiffPlex.Renderer;

namespace McpFilesServer.Data;

/// <summary>One replacement in a text file.</summary>
/// <param name="OldText">What stands there, exactly once.</param>
/// <param name="NewText">What is to stand there.</param>
internal sealed record Edit(
    [property: Description("The text to replace, as it stands in the file; it must stand there exactly once."), StringLength(1_000_000, MinimumLength = 1)] string OldText,
    [property: Description("The text to put there; may be empty.")] string NewText);

/// <summary>Describes an edit.</summary>
/// <param name="Path">The file, relative to the project.</param>
/// <param name="Etag">The version that the file has now.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Applied">False for a dry run.</param>
/// <param name="Cut">Whether the diff was cut.</param>
internal sealed record EditGiven(string Path, string Etag, long Size, bool Applied, bool Cut);

/// <summary>What an edit changes, as a unified diff.</summary>
internal sealed record Edited(string Diff, EditGiven Given);

/// <summary>Replaces text by text. Nothing is guessed: what stands there never or more than once is refused.</summary>
internal static class Edits
{
    // Beyond that the smallest difference costs more than it tells.
    private const int MaxCompared = 4_000;

    /// <summary>Carries edits out one after the other, each on what the one before has left.</summary>
    /// <exception cref="ProblemException">A text to replace is missing or ambiguous, or nothing changes.</exception>
    public static string Apply(string text, IReadOnlyList<Edit> edits)
    {
        var edited = text;
        for (var i = 0; i < edits.Count; i++)
        {
            edited = Apply(edited, edits[i], edits.Count == 1 ? "old_text" : string.Create(CultureInfo.InvariantCulture, $"old_text of edit {i + 1}"));
        }

        return edited != text ? edited : throw new ProblemException("The edits change nothing.");
    }

    /// <summary>A unified diff with three lines of context, without carriage returns.</summary>
    public static string Diff(string path, string before, string after, IReadOnlyList<Edit> edits)
    {
        if (before.EndsWith('\n') && after.EndsWith('\n'))
        {
            (before, after) = (before.TrimEnd('\r', '\n').Length == 0 ? before : before[..^1], after.TrimEnd('\r', '\n').Length == 0 ? after : after[..^1]);
        }

        return edits.Sum(edit => edit.OldText.Count(c => c == '\n') + edit.NewText.Count(c => c == '\n')) <= MaxCompared
            ? UnidiffRenderer.GenerateUnidiff(before, after, $"a/{path}", $"b/{path}", ignoreWhitespace: false)
            : WholeDiff(path, before.ReplaceLineEndings("\n").Split('\n'), after.ReplaceLineEndings("\n").Split('\n'));
    }

    private static string Apply(string text, Edit edit, string name)
    {
        if (edit.OldText.Length == 0)
        {
            throw new ProblemException($"{name} must not be empty.");
        }

        var (old, replacement) = (edit.OldText, edit.NewText);
        var (at, count) = Find(text, old);
        var endings = LineEndings(text);
        if (count == 0 && endings is not null)
        {
            // Assistants write line feeds whatever the file has.
            old = old.ReplaceLineEndings(endings);
            (at, count) = Find(text, old);
        }

        return count switch
        {
            0 => throw new ProblemException($"{name} does not stand in the file. Read it again and copy the text exactly."),
            1 => string.Concat(text.AsSpan(0, at), endings is null ? replacement : replacement.ReplaceLineEndings(endings), text.AsSpan(at + old.Length)),
            _ => throw new ProblemException(string.Create(CultureInfo.InvariantCulture, $"{name} stands {count} times in the file. Give more of the text around it, so that it stands there once.")),
        };
    }

    private static (int At, int Count) Find(string text, string sought)
    {
        var (first, count) = (-1, 0);
        for (var at = text.IndexOf(sought, StringComparison.Ordinal); at >= 0; at = text.IndexOf(sought, at + 1, StringComparison.Ordinal))
        {
            first = count == 0 ? at : first;
            count++;
        }

        return (first, count);
    }

    /// <summary>What ends the lines of a text when all are ended alike; otherwise null, and what is written is written as it comes.</summary>
    private static string? LineEndings(string text)
    {
        var (all, windows) = (0, 0);
        for (var at = text.IndexOf('\n', StringComparison.Ordinal); at >= 0; at = text.IndexOf('\n', at + 1))
        {
            all++;
            windows += at > 0 && text[at - 1] == '\r' ? 1 : 0;
        }

        return all == 0 ? null : windows == all ? "\r\n" : windows == 0 ? "\n" : null;
    }

    private static string WholeDiff(string path, string[] before, string[] after)
    {
        var same = before.Zip(after).TakeWhile(pair => pair.First == pair.Second).Count();
        var sameEnd = before.Skip(same).Reverse().Zip(after.Skip(same).Reverse()).TakeWhile(pair => pair.First == pair.Second).Count();
        var (removed, added) = (before[same..^sameEnd], after[same..^sameEnd]);
        return string.Create(CultureInfo.InvariantCulture, $"--- a/{path}\n+++ b/{path}\n@@ -{same + 1},{removed.Length} +{same + 1},{added.Length} @@\n")
            + string.Concat(removed.Select(line => $"-{line}\n")) + string.Concat(added.Select(line => $"+{line}\n"));
    }
}
