namespace McpFilesServer.Auth;

/// <summary>Section <c>Limits</c>: fair shares.</summary>
internal sealed class LimitsOptions : ISettings
{
    public static string Section => "Limits";

    /// <summary>How many bad tokens an address may present in a minute before it is told 429 for each. Good tokens from there are not affected.</summary>
    public int FailedAuthenticationsPerMinute { get; set; } = 600;

    /// <summary>How many questions may wait for one person's answer at once, through all clients. One more is a 429.</summary>
    public int OpenQuestions { get; set; } = 5;

    /// <summary>How many sessions one client may have open for one person, where there are sessions at all (<c>Mcp:Sessions</c>). One more is a 429.</summary>
    public int Sessions { get; set; } = 20;

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (FailedAuthenticationsPerMinute is < 1 or > 100_000)
        {
            yield return "Limits:FailedAuthenticationsPerMinute must be between 1 and 100000.";
        }

        if (OpenQuestions is < 1 or > 100)
        {
            yield return "Limits:OpenQuestions must be between 1 and 100.";
        }

        if (Sessions is < 1 or > 1000)
        {
            yield return "Limits:Sessions must be between 1 and 1000.";
        }
    }
}
