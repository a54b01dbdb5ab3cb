using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Ends what runs longer than <c>Limits:CallTimeout</c>, and says so plainly. Of a tool it stands right before it: the time that a person takes to answer a
/// question is not the tool's. One that does not heed its cancellation token is not torn down; it keeps the seats of its caller until it is done.
/// </summary>
internal static class Deadline
{
    private const string Sentence = "This took longer than the server allows and was stopped. Ask for less at once: a smaller directory, fewer files, a narrower search.";

    /// <summary>Of a tool: the sentence is its result.</summary>
    public static McpRequestHandler<CallToolRequestParams, CallToolResult> Filter(McpRequestHandler<CallToolRequestParams, CallToolResult> next) =>
        Within(next, () => new ProblemException(Sentence));

    /// <summary>Of anything else: the sentence is an error of the protocol, because there is no other.</summary>
    public static McpRequestHandler<TParams, TResult> OfRequest<TParams, TResult>(McpRequestHandler<TParams, TResult> next) =>
        Within(next, () => new McpProtocolException(Sentence, McpErrorCode.InternalError));

    private static McpRequestHandler<TParams, TResult> Within<TParams, TResult>(McpRequestHandler<TParams, TResult> next, Func<Exception> late) => async (request, cancellationToken) =>
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(request.Services!.GetRequiredService<LimitsOptions>().CallTimeout);
        try
        {
            return await next(request, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw late();
        }
    };
}
