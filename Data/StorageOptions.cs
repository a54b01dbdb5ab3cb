namespace McpFilesServer.Data;

/// <summary>Section <c>Storage</c>: where everything is that is written at run time.</summary>
internal sealed class StorageOptions : ISettings
{
    public static string Section => "Storage";

    /// <summary>Databases, keys and, unless <c>Files:Root</c> says otherwise, project files. Relative paths start at the content root.</summary>
    public string Directory { get; set; } = ".data";

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (string.IsNullOrWhiteSpace(Directory))
        {
            yield return "Storage:Directory must name a folder.";
        }
    }
}
