namespace McpFilesServer.Data;

/// <summary>Section <c>Audit</c>.</summary>
internal sealed class AuditOptions : ISettings
{
    public static string Section => "Audit";

    /// <summary>
    /// The file that has the head of the chain, so that a cut tail shows. Default: <c>audit.anchor</c> below <c>Storage:Directory</c>; elsewhere it is better protected.
    /// </summary>
    public string? Anchor { get; set; }

    /// <summary>
    /// How many refusals without a valid token are recorded one by one for an address in a minute; the others become one record with their number. From all addresses
    /// together it is a hundred times as many.
    /// </summary>
    public int AnonymousPerMinute { get; set; } = 60;

    /// <summary>How many days a record is kept. 0: for ever.</summary>
    public int Days { get; set; }

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (Anchor is not null && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(Anchor, environment.ContentRootPath))))
        {
            yield return $"Audit:Anchor '{Anchor}' is in a folder that does not exist. Create the folder, or remove the setting.";
        }

        if (AnonymousPerMinute is < 1 or > 1_000_000)
        {
            yield return "Audit:AnonymousPerMinute must be between 1 and 1000000.";
        }

        if (Days is < 0 or > 36_500)
        {
            yield return "Audit:Days must be between 0 (for ever) and 36500.";
        }
    }
}
