namespace McpFilesServer.Auth;

/// <summary>What is counted apart for each person, so that a loop in one kind of call leaves the others usable.</summary>
internal enum Share
{
    /// <summary>The protocol's own methods, and messages that cannot be read or name nothing here. Who has used up his calls can still list and connect.</summary>
    Protocol,

    /// <summary>Every call of a tool, prompt or resource.</summary>
    Calls,

    /// <summary>Those calls that change something.</summary>
    Changing,

    /// <summary>Those calls that take an exchange and a call of somebody else's service.</summary>
    Downstream,

    /// <summary>Refusals because of a limit, as far as each has an audit record of its own.</summary>
    Records,
}

/// <summary>How large a share is, and which shares an operation takes from. Both follow from what it declared; a client has no say in it.</summary>
internal static class Shares
{
    /// <summary>Calls a minute, which is also how many may come at once.</summary>
    public static int PerMinute(Share share, LimitsOptions limits) => share switch
    {
        Share.Protocol or Share.Calls => limits.CallsPerMinute,
        Share.Changing => Math.Max(1, limits.CallsPerMinute / 2),
        Share.Downstream => Math.Max(1, limits.CallsPerMinute / 10),
        _ => 60,
    };

    /// <summary>The shares that an operation takes from, all of them.</summary>
    /// <param name="operation">Null for what is not on the map.</param>
    public static IReadOnlyList<Share> Of(Operation? operation) =>
        operation is null or { Scopes.Count: 0 } ? [Share.Protocol]
        : operation.Downstream is not null ? [Share.Calls, Share.Downstream]
        : operation.Scopes.All(scope => scope.EndsWith(":read", StringComparison.Ordinal)) ? [Share.Calls]
        : [Share.Calls, Share.Changing];
}
