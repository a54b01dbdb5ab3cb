namespace McpFilesServer.Auth;

/// <summary>The scopes of this server, in one place: what a token can hold and what people are told it means.</summary>
internal static class Scopes
{
    public const string ProjectsRead = "projects:read";
    public const string ProjectsWrite = "projects:write";
    public const string ProjectsShare = "projects:share";
    public const string FilesRead = "files:read";
    public const string FilesWrite = "files:write";
    public const string FilesDelete = "files:delete";
    public const string DriveRead = "drive:read";
    public const string DriveWrite = "drive:write";
    public const string PeopleRead = "people:read";

    /// <summary>Each scope in the words of a consent page.</summary>
    public static IReadOnlyDictionary<string, string> InWords { get; } = new Dictionary<string, string>
    {
        [ProjectsRead] = "See your projects and who is in them",
        [ProjectsWrite] = "Create, rename, archive and restore projects",
        [ProjectsShare] = "Add, change and remove members of your projects",
        [FilesRead] = "List, read and search files in your projects",
        [FilesWrite] = "Create, change, copy and move files, and restore them from the trash",
        [FilesDelete] = "Move files to the trash, and empty it after asking you",
        [DriveRead] = "Import files from your OneDrive",
        [DriveWrite] = "Export files to your OneDrive, after asking you each time",
        [PeopleRead] = "Look people up in the directory",
    };
}
