using McpFilesServer.Auth;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.Host;

/// <summary>A tool that only tests register, and that counts how often it ran.</summary>
internal sealed class Probe
{
    private int _runs;

    public int Runs => _runs;

    public McpServerTool Tool(string name = "probe") => McpServerTool.Create(Run, Declared.Tool(name));

    [RequiresScope(Scopes.ProjectsRead)]
    private string Run()
    {
        Interlocked.Increment(ref _runs);
        return "probed";
    }
}
