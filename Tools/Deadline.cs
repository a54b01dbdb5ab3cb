using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Ends what takes longer than <c>Limits:CallTimeout</c>, and says so plainly. A tool that does not heed its cancellation token is not torn down; it keeps
/// the seats of its caller until it is done.
/// </summary>
internal static class Deadline
{
    public static McpRequestHandler<TParams, TResult> Filter<TParams, TResult>(McpRequestHandler<TParams, TResult> next) => async (request, cancellationToken) =>
    {
        var call = RunningCall.Current(request.Services!);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, call.Deadline);
        try
        {
            return await next(request, both.Token);
        }
        catch (OperationCanceledException) when (call.IsOutOfTime)
        {
            throw new ProblemException("This took longer than the server allows and was stopped. Ask for less at once: a smaller directory, fewer files, a narrower search.");
        }
    };
}
