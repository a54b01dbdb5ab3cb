namespace McpFilesServer.Auth;

/// <summary>Section <c>Limits</c>: fair shares.</summary>
internal sealed class LimitsOptions : ISettings
{
    public static string Section => "Limits";

    /// <summary>How many bad tokens an address may present in a minute before it is told 429 for each. Good tokens from there are not affected.</summary>
    public int FailedAuthenticationsPerMinute { get; set; } = 600;

    /// <summary>How many subscription streams one person may hold open at once, with all clients together.</summary>
    public int Streams { get; set; } = 10;

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (FailedAuthenticationsPerMinute is < 1 or > 100_000)
        {
            yield return "Limits:FailedAuthenticationsPerMinute must be between 1 and 100000.";
        }

        if (Streams is < 1 or > 1000)
        {
            yield return "Limits:Streams must be between 1 and 1000.";
        }
    }
}
