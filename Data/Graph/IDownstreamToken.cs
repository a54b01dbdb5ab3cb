namespace McpFilesServer.Data;

/// <summary>The access token for the downstream API that the running tool declared: the caller's, exchanged, never the server's own.</summary>
internal interface IDownstreamToken
{
    string DownstreamToken { get; }

    /// <summary>Whose it is.</summary>
    IPerson Person { get; }
}
