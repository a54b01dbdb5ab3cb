namespace McpFilesServer.Data;

/// <summary>A person as the data knows him: the pair of issuer and subject decides, the name is for people to read.</summary>
internal interface IPerson
{
    string Issuer { get; }

    string Subject { get; }

    string Name { get; }
}
