namespace McpFilesServer.Data;

/// <summary>Section <c>Graph</c>: Microsoft Graph, the downstream API.</summary>
internal sealed class GraphOptions : ISettings
{
    public static string Section => Graph.Resource;

    /// <summary>The versioned root, such as <c>https://graph.microsoft.com/v1.0</c>. Nothing else is ever called.</summary>
    public string BaseUrl { get; set; } = "https://graph.microsoft.com/v1.0";

    /// <summary>The full names of the scopes that this server may exchange a caller's token for.</summary>
    public IList<string> Scopes { get; set; } = [];

    /// <summary>What the API is called at the issuer: a token that names another audience is not used. Null: that is for the API itself to see.</summary>
    public string? Audience { get; set; }

    /// <summary>Those of Microsoft Graph itself, when none are named.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> DefaultScopes => ((string[])["User.ReadBasic.All", "Files.Read", "Files.ReadWrite"])
        .Select((scope, i) => KeyValuePair.Create($"{Section}:{nameof(Scopes)}:{i}", (string?)$"https://graph.microsoft.com/{scope}"));

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (!Uri.TryCreate(BaseUrl, UriKind.Absolute, out var url) || (url.Scheme != "https" && !(environment.IsDevelopment() && url.IsLoopback)))
        {
            yield return $"Graph:BaseUrl '{BaseUrl}' must be an https URL (plain http is for a loopback address in Development).";
        }
    }
}
