using System.Text.RegularExpressions;

namespace McpFilesServer.Data;

/// <summary>Section <c>Graph</c>: Microsoft Graph, the downstream API.</summary>
internal sealed partial class GraphOptions : ISettings
{
    public static string Section => Graph.Resource;

    /// <summary>The versioned root, such as <c>https://graph.microsoft.com/v1.0</c>. No token is sent anywhere else.</summary>
    public string BaseUrl { get; set; } = "https://graph.microsoft.com/v1.0";

    /// <summary>The full names of the scopes that this server may exchange a caller's token for.</summary>
    public IList<string> Scopes { get; set; } = [];

    /// <summary>What the API is called at the issuer: a token that names another audience is not used. Null: that is for the API itself to see.</summary>
    public string? Audience { get; set; }

    /// <summary>
    /// Where contents of files may be fetched from and sent to, without a token: Graph names an address of its storage for each. A host name, or <c>*.</c> before a
    /// domain for all that is below it.
    /// </summary>
    public IList<string> TransferHosts { get; set; } = [];

    /// <summary>How long Graph may take to answer, and how long nothing may come or go in a transfer.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// What stands where nothing is set. Of hosts: those of SharePoint, where the drives of work and school accounts are, and those of OneDrive's own storage. A
    /// national cloud has others.
    /// </summary>
    public static IReadOnlyDictionary<string, string[]> Defaults { get; } = new Dictionary<string, string[]>
    {
        [nameof(Scopes)] = ["https://graph.microsoft.com/User.ReadBasic.All", "https://graph.microsoft.com/Files.Read", "https://graph.microsoft.com/Files.ReadWrite"],
        [nameof(TransferHosts)] = ["*.sharepoint.com", "*.files.1drv.com", "*.up.1drv.com"],
    };

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (!Uri.TryCreate(BaseUrl, UriKind.Absolute, out var url) || (url.Scheme != "https" && !(environment.IsDevelopment() && url.IsLoopback)))
        {
            yield return $"Graph:BaseUrl '{BaseUrl}' must be an https URL (plain http is for a loopback address in Development).";
        }

        foreach (var host in TransferHosts.Where(host => !HostName().IsMatch(host) && !(environment.IsDevelopment() && host is "localhost" or "127.0.0.1" or "[::1]")))
        {
            yield return $"Graph:TransferHosts: '{host}' must be a host name, or '*.' and a domain of at least two names, such as *.sharepoint.com (loopback names are for Development).";
        }

        if (Timeout < TimeSpan.FromSeconds(1) || Timeout > TimeSpan.FromMinutes(5))
        {
            yield return "Graph:Timeout must be between 00:00:01 and 00:05:00.";
        }
    }

    /// <summary>No address: its last part begins with a letter.</summary>
    [GeneratedRegex(@"^(\*\.)?([a-z0-9-]+\.)+[a-z][a-z0-9-]*$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex HostName();
}
