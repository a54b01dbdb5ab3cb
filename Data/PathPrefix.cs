namespace McpFilesServer.Data;

/// <summary>The beginning of a path, as somebody is typing it.</summary>
internal static class PathPrefix
{
    /// <summary>The paths that begin so, in the directory that the text has reached; those of directories end with '/'.</summary>
    /// <param name="place">Where the path starts.</param>
    /// <param name="text">What was typed.</param>
    /// <param name="max">How many paths at most.</param>
    /// <param name="cut">Whether there are more.</param>
    /// <exception cref="ProblemException">There is no such directory, or the text cannot become a path.</exception>
    public static IReadOnlyList<string> Complete(Place place, string text, int max, out bool cut)
    {
        var slash = text.LastIndexOf('/');
        if (slash == 0 || NameRules.ProblemOfText(text, ProjectPath.MaxBytes) is not null)
        {
            throw new ProblemException("Nothing begins so.");
        }

        var directory = place.Path(slash < 0 ? "" : text[..slash]);
        return [.. place.Folder.List(directory, max, out cut, NameRules.Compose(text[(slash + 1)..]))
            .Select(entry => entry.Type == "directory" ? $"{entry.Path}/" : entry.Path)];
    }
}
