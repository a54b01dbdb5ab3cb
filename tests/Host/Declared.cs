using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.Host;

/// <summary>Options of a tool that only tests have, with all that a tool must state.</summary>
internal static class Declared
{
    public static McpServerToolCreateOptions Tool(string name, IServiceProvider? services = null) => new()
    {
        Name = name,
        Title = name,
        Description = "A tool for tests.",
        ReadOnly = false,
        Destructive = false,
        Idempotent = false,
        OpenWorld = false,
        Services = services,
    };
}
