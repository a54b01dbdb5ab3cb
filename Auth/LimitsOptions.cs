namespace McpFilesServer.Auth;

/// <summary>Section <c>Limits</c>: fair shares.</summary>
internal sealed class LimitsOptions : ISettings
{
    public static string Section => "Limits";

    /// <summary>How many bad tokens an address may present in a minute before it is told 429 for each. Good tokens from there are not affected.</summary>
    public int FailedAuthenticationsPerMinute { get; set; } = 600;

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (FailedAuthenticationsPerMinute is < 1 or > 100_000)
        {
            yield return "Limits:FailedAuthenticationsPerMinute must be between 1 and 100000.";
        }
    }
}
