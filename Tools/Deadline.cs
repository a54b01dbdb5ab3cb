using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Ends what runs longer than <c>Limits:CallTimeout</c>, and says so plainly. It stands right before the tool: the time that a person takes to answer a
/// question is not the tool's. One that does not heed its cancellation token is not torn down; it keeps the seats of its caller until it is done.
/// </summary>
internal static class Deadline
{
    public static McpRequestHandler<TParams, TResult> Filter<TParams, TResult>(McpRequestHandler<TParams, TResult> next) => async (request, cancellationToken) =>
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(request.Services!.GetRequiredService<LimitsOptions>().CallTimeout);
        try
        {
            return await next(request, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ProblemException("This took longer than the server allows and was stopped. Ask for less at once: a smaller directory, fewer files, a narrower search.");
        }
    };
}
