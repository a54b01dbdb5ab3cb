namespace McpFilesServer.Data;

/// <summary>A person, and the client that acts for him.</summary>
internal interface ICaller : IPerson
{
    /// <summary>The OAuth client.</summary>
    string Client { get; }
}
