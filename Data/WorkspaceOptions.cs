namespace McpFilesServer.Data;

/// <summary>Section <c>Workspaces</c>.</summary>
internal sealed class WorkspaceOptions : ISettings
{
    public static string Section => "Workspaces";

    /// <summary>How many a person may have open with one client. One more closes the one that was used longest ago.</summary>
    public int PerCaller { get; set; } = 20;

    /// <summary>How long a workspace stays without being used.</summary>
    public TimeSpan Idle { get; set; } = TimeSpan.FromHours(8);

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (PerCaller is < 1 or > 1000)
        {
            yield return "Workspaces:PerCaller must be between 1 and 1000.";
        }

        if (Idle < TimeSpan.FromMinutes(5) || Idle > TimeSpan.FromDays(30))
        {
            yield return "Workspaces:Idle must be between 00:05:00 and 30.00:00:00.";
        }
    }
}
