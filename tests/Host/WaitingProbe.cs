using McpFilesServer.Auth;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.Host;

/// <summary>A tool that only tests register, and that runs until it is let go or cancelled.</summary>
internal sealed class WaitingProbe
{
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;

    public int Running => Volatile.Read(ref _running);

    public McpServerTool Tool() => McpServerTool.Create(RunAsync, Declared.Tool("slow_probe"));

    public void LetGo() => _go.TrySetResult();

    public async Task RunsAsync(int count)
    {
        while (Running != count)
        {
            await Task.Delay(10);
        }
    }

    [RequiresScope(Scopes.ProjectsRead)]
    private async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        try
        {
            await _go.Task.WaitAsync(cancellationToken);
            return "done";
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}
