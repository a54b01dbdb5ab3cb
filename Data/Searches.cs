namespace McpFilesServer.Data;

/// <summary>Looks for files by name and by content. A search ends at its limit, after <see cref="FilesOptions.MaxSearchTime"/>, or when its caller goes away.</summary>
internal sealed class Searches(FilesOptions options, WalkSlots slots, TimeProvider time)
{
    /// <summary>Files and directories whose path, from a directory on, matches a pattern.</summary>
    /// <exception cref="ProblemException">There is no such directory, or the pattern is none.</exception>
    public async Task<FoundEntries> NamesAsync(Place place, string pattern, string path, int limit, bool useIgnoreFiles, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var glob = Glob.Parse(pattern);
        using var stop = Limited(out var ends, cancellationToken);
        using var _ = ends;
        var findings = new Findings<FileEntry>(limit, options.MaxTextBytes, stop);
        var walking = AllAsync(place.Folder, place.Path(path), glob, useIgnoreFiles, () => new NameSearch(findings), stop.Token);
        await WaitAsync(walking, () => findings.Searched, progress, stop.Token, cancellationToken);
        return new FoundEntries([.. findings.Found.OrderBy(entry => entry.Path, StringComparer.Ordinal)], findings.StoppedBy is not null, findings.StoppedBy);
    }

    /// <summary>Lines that match a regular expression, in files below a directory, or in one file.</summary>
    /// <exception cref="ProblemException">There is nothing at the path, or a pattern is none.</exception>
    public async Task<FoundText> TextAsync(
        Place place, TextQuery query, string path, string? pattern, int limit, bool useIgnoreFiles, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var glob = pattern is null ? Glob.All : Glob.Parse(pattern);
        using var stop = Limited(out var ends, cancellationToken);
        using var _ = ends;
        var findings = new Findings<TextMatch>(limit, options.MaxTextBytes, stop);
        var start = place.Path(path);
        var visitor = () => new LineSearch(query, findings, stop.Token);
        var walking = place.Folder.Describe(start).Type == "file" ? OneAsync(place.Folder, start, visitor, stop.Token)
            : AllAsync(place.Folder, start, glob, useIgnoreFiles, visitor, stop.Token);
        await WaitAsync(walking, () => findings.Searched, progress, stop.Token, cancellationToken);
        var matches = findings.Found.OrderBy(match => match.Path, StringComparer.Ordinal).ThenBy(match => match.Line);
        return new FoundText([.. matches], findings.Searched, findings.Skipped, findings.StoppedBy is not null, findings.StoppedBy);
    }

    /// <summary>A stop for a search; disposing <paramref name="ends"/> ends the clock of it.</summary>
    private CancellationTokenSource Limited(out CancellationTokenSource ends, CancellationToken cancellationToken)
    {
        ends = new CancellationTokenSource(options.MaxSearchTime, time);
        return CancellationTokenSource.CreateLinkedTokenSource(ends.Token, cancellationToken);
    }

    /// <summary>Waits, and says every second how far it is.</summary>
    private async Task WaitAsync(Task walking, Func<long> count, IProgress<long>? progress, CancellationToken stop, CancellationToken cancellationToken)
    {
        try
        {
            using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
            while (await Task.WhenAny(walking, seconds.WaitForNextTickAsync(CancellationToken.None).AsTask()) != walking)
            {
                progress?.Report(count());
            }

            await walking;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // Its limit or its time: what was found by then is the answer.
        }
    }

    private async Task AllAsync(ProjectFolder folder, ProjectPath path, Glob glob, bool useIgnoreFiles, Func<ITreeVisitor> visitor, CancellationToken stop)
    {
        using var walk = new TreeWalk(glob, useIgnoreFiles, slots);
        await walk.RunAsync(() => folder.OpenDirectory(path), useIgnoreFiles ? Around(folder, path) : null, visitor, stop);
    }

    private async Task OneAsync(ProjectFolder folder, ProjectPath path, Func<ITreeVisitor> make, CancellationToken stop)
    {
        using var directory = folder.OpenDirectory(path.Parent);
        using var visitor = make();
        using (await slots.EnterAsync(stop))
        {
            await Task.Run(() => visitor.Visit(directory, path.Name, FileKind.File), CancellationToken.None);
        }
    }

    /// <summary>The ignore files of the directories around one, the project's first.</summary>
    private static IgnoreFile? Around(ProjectFolder folder, ProjectPath path)
    {
        if (path.IsRoot)
        {
            return null;
        }

        var outer = Around(folder, path.Parent);
        using var parent = folder.OpenDirectory(path.Parent);
        return TreeWalk.Ignored(parent, outer);
    }

    private sealed class NameSearch(Findings<FileEntry> findings) : ITreeVisitor
    {
        public void Visit(OpenedDirectory directory, string name, FileKind kind)
        {
            findings.CountSearched();
            if (directory.Describe(name) is { } entry)
            {
                findings.Add(entry, entry.Path.Length + 100);
            }
        }

        public void Dispose()
        {
        }
    }
}
