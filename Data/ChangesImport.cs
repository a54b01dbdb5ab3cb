namespace McpFilesServer.Data;

/// <content>Files from elsewhere: the same rules as for one that is written here, and nobody sees it before all of it is there.</content>
internal sealed partial class Changes
{
    /// <summary>Makes a file of what comes from elsewhere. Where it came from stays with the person: the history, which all members see, says only that it was imported.</summary>
    /// <exception cref="ProblemException">
    /// It is too large, there is already something, the project is full, or more or fewer bytes came than were announced. Then nothing is left of it.
    /// </exception>
    public Task<FileEntry> ImportAsync(IPerson person, Place place, string path, IncomingFile incoming, CancellationToken cancellationToken)
    {
        var change = new Change(person, place, place.Path(path), "import_from_drive", cancellationToken);
        RequireSize(incoming.Size);
        return CreateAsync(change, incoming.Size, async staged =>
        {
            await incoming.CopyAsync(block => change.Fill(staged, staged.Length + block.Length <= incoming.Size ? block : throw Otherwise(change)), cancellationToken);
            if (staged.Length != incoming.Size)
            {
                throw Otherwise(change);
            }
        });
    }

    private static ConflictException Otherwise(Change change) =>
        new($"What came for {DiskFaults.Quote(change.Path)} is not what was announced, and nothing was kept of it. It may have changed meanwhile: try again.");
}
