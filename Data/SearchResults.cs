namespace McpFilesServer.Data;

/// <summary>What a search for names found.</summary>
/// <param name="Entries">Files and directories, ordered by path.</param>
/// <param name="Truncated">Whether there may be more; <paramref name="StoppedBy"/> says why.</param>
/// <param name="StoppedBy">"limit" or "time", when it was stopped before its end.</param>
internal sealed record FoundEntries(IReadOnlyList<FileEntry> Entries, bool Truncated, string? StoppedBy = null);

/// <summary>What a search in texts found.</summary>
/// <param name="Matches">Lines that match, ordered by path and line.</param>
/// <param name="SearchedFiles">How many files were looked into.</param>
/// <param name="SkippedFiles">How many of them were not searched to their end, because they are binary or have a line of more than a mebibyte.</param>
/// <param name="Truncated">Whether there may be more; <paramref name="StoppedBy"/> says why. Which matches are given then is not determined.</param>
/// <param name="StoppedBy">"limit", "size" or "time", when it was stopped before its end.</param>
internal sealed record FoundText(IReadOnlyList<TextMatch> Matches, long SearchedFiles, long SkippedFiles, bool Truncated, string? StoppedBy = null);

/// <summary>A line that matches. Text is given as <see cref="VisibleText"/>; of a long line, the part around the match.</summary>
/// <param name="Path">The file, relative to the project.</param>
/// <param name="Line">The line's number; the first is 1.</param>
/// <param name="Column">Where in the line the first match begins, in UTF-16 units; the first is 1.</param>
/// <param name="Text">The line.</param>
/// <param name="Cut">True when this is not the whole line, or lines around it are not whole.</param>
/// <param name="Before">The lines before it, when context was asked for.</param>
/// <param name="After">The lines after it, when context was asked for.</param>
internal sealed record TextMatch(
    string Path, long Line, int Column, string Text, bool? Cut = null, IReadOnlyList<string>? Before = null, IReadOnlyList<string>? After = null);

/// <summary>What the workers of one search find, together, and why they stop.</summary>
internal sealed class Findings<T>(int limit, long maxSize, CancellationTokenSource stop)
{
    private readonly Lock _lock = new();
    private readonly List<T> _found = [];
    private long _size;
    private long _searched;
    private long _skipped;
    private string? _stoppedBy;

    public long Searched => Interlocked.Read(ref _searched);

    public long Skipped => Interlocked.Read(ref _skipped);

    public string? StoppedBy => stop.IsCancellationRequested ? _stoppedBy ?? "time" : null;

    public IReadOnlyList<T> Found => _found;

    /// <summary>Counts a file that was looked into.</summary>
    public void CountSearched() => Interlocked.Increment(ref _searched);

    /// <summary>Counts a file that was not searched to its end.</summary>
    public void CountSkipped() => Interlocked.Increment(ref _skipped);

    /// <summary>Takes one more. The first that is too many ends the search.</summary>
    public void Add(T found, int size)
    {
        lock (_lock)
        {
            if (_stoppedBy is not null)
            {
                return;
            }

            _size += size;
            _stoppedBy = _found.Count == limit ? "limit" : _size > maxSize ? "size" : null;
            if (_stoppedBy is null)
            {
                _found.Add(found);
                return;
            }
        }

        stop.Cancel();
    }
}
