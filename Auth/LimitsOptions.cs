namespace McpFilesServer.Auth;

/// <summary>Section <c>Limits</c>: fair shares. A busy assistant does not meet them; one that runs in a circle does.</summary>
internal sealed class LimitsOptions : ISettings
{
    public static string Section => "Limits";

    /// <summary>The limits by name, for the metrics.</summary>
    public IReadOnlyList<(string Name, long Value)> Figures =>
    [
        ("calls_per_minute", CallsPerMinute), ("concurrent_calls", ConcurrentCalls), ("total_concurrent_calls", Seats), ("bytes_per_minute", BytesPerMinute),
        ("failed_authentications_per_minute", FailedAuthenticationsPerMinute), ("streams", Streams), ("open_questions", OpenQuestions), ("sessions", Sessions),
    ];

    /// <summary>Calls of all persons that may run at once.</summary>
    public int Seats => TotalConcurrentCalls ?? 8 * ConcurrentCalls;

    /// <summary>
    /// Calls of tools, prompts and resources that a person may make in a minute, and at once after a pause. A half of them may change something, a tenth may
    /// call downstream. The protocol's own methods have a share of the same size for themselves. More is a 429.
    /// </summary>
    public int CallsPerMinute { get; set; } = 600;

    /// <summary>Calls of one person that may run at once. One more is a 429.</summary>
    public int ConcurrentCalls { get; set; } = 64;

    /// <summary>Calls of all persons that may run at once; eight times <see cref="ConcurrentCalls"/> when it is not set. One more is a 429.</summary>
    public int? TotalConcurrentCalls { get; set; }

    /// <summary>Bytes of requests and answers of one person in a minute. A call that uses up the rest is finished; the next one is a 429 until the debt is paid.</summary>
    public long BytesPerMinute { get; set; } = 128 * 1024 * 1024;

    /// <summary>How long a tool may run before it is cancelled and its result says so; and how long the body of a request may take to come.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How many bad tokens an address may present in a minute before it is told 429 for each. Good tokens from there are not affected.</summary>
    public int FailedAuthenticationsPerMinute { get; set; } = 600;

    /// <summary>How many subscription streams one person may hold open at once, with all clients together.</summary>
    public int Streams { get; set; } = 10;

    /// <summary>How many questions may wait for one person's answer at once, through all clients. One more is a 429.</summary>
    public int OpenQuestions { get; set; } = 5;

    /// <summary>How many sessions one client may have open for one person, where there are sessions at all (<c>Mcp:Sessions</c>). One more is a 429.</summary>
    public int Sessions { get; set; } = 20;

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (CallsPerMinute is < 1 or > 100_000_000)
        {
            yield return "Limits:CallsPerMinute must be between 1 and 100000000.";
        }

        if (ConcurrentCalls is < 1 or > 100_000)
        {
            yield return "Limits:ConcurrentCalls must be between 1 and 100000.";
        }

        if (TotalConcurrentCalls is < 1 or > 1_000_000)
        {
            yield return "Limits:TotalConcurrentCalls must be between 1 and 1000000.";
        }

        if (BytesPerMinute is < 1024 or > 1024L * 1024 * 1024 * 1024)
        {
            yield return "Limits:BytesPerMinute must be between 1024 and 1099511627776 bytes.";
        }

        if (CallTimeout < TimeSpan.FromSeconds(1) || CallTimeout > TimeSpan.FromHours(1))
        {
            yield return "Limits:CallTimeout must be between 00:00:01 and 01:00:00.";
        }

        if (FailedAuthenticationsPerMinute is < 1 or > 100_000)
        {
            yield return "Limits:FailedAuthenticationsPerMinute must be between 1 and 100000.";
        }

        if (Streams is < 1 or > 1000)
        {
            yield return "Limits:Streams must be between 1 and 1000.";
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
