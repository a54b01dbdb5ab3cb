using McpFilesServer.Auth;
using ModelContextProtocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.Host;

/// <summary>A tool that only tests register: it says every tenth of a second that it goes on, until it is told to finish or cancelled.</summary>
internal sealed class SlowProbe
{
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the tool runs.</summary>
    public Task Began => _began.Task;

    /// <summary>Completes when the tool has ended, with whether it was cancelled.</summary>
    public Task<bool> Ended => _ended.Task;

    /// <summary>Lets the tool finish.</summary>
    public bool Finish { get; set; }

    public McpServerTool Tool(string name = "slow_probe") => McpServerTool.Create(RunAsync, Declared.Tool(name));

    /// <summary>A call of the tool that wants to hear of its progress, so that the answer is a stream from the start.</summary>
    public static Message Call(string name = "slow_probe")
    {
        var call = Message.Call(name, new { });
        return call.With(call.Body.Replace("\"_meta\":{", "\"_meta\":{\"progressToken\":\"p\",", StringComparison.Ordinal));
    }

    [RequiresScope(Scopes.ProjectsRead)]
    private async Task<string> RunAsync(IProgress<ProgressNotificationValue> progress, CancellationToken cancellationToken)
    {
        try
        {
            for (var i = 0; !Finish; i++)
            {
                progress.Report(new ProgressNotificationValue { Progress = i });
                _began.TrySetResult();
                await Task.Delay(100, cancellationToken);
            }

            return "finished";
        }
        finally
        {
            _ended.TrySetResult(cancellationToken.IsCancellationRequested);
        }
    }
}
