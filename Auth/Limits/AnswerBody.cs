using System.Buffers;
using System.IO.Pipelines;

namespace McpFilesServer.Auth;

/// <summary>
/// The body of an answer, whose bytes are counted as they pass. The SDK sends the head of an answer, its one event and its end each by itself, and each is a packet
/// that both sides pay for. Here the head waits for the first event, and the last event for the end.
/// </summary>
/// <param name="response">The response, whose own body this one stands for.</param>
/// <param name="wrote">Is told of each part.</param>
/// <param name="headWaits">Whether the head may wait: not when it may be long before there is anything to say.</param>
/// <param name="isLast">Whether what is written is the last event, so that the end follows at once.</param>
internal sealed class AnswerBody(HttpResponse response, Action<int> wrote, bool headWaits, Func<bool> isLast) : CountedStream(response.Body, _ => { }, wrote)
{
    /// <summary>What is longer is sent as it is written, so that no answer is copied whole.</summary>
    private const int Short = 16 * 1024;

    private readonly PipeWriter _writer = response.BodyWriter;
    private bool _hasBegun;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _hasBegun = true;
        if (buffer.Length > Short || !isLast())
        {
            return base.WriteAsync(buffer, cancellationToken);
        }

        Wrote(buffer.Length);
        _writer.Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        (headWaits && !_hasBegun) || isLast() ? Task.CompletedTask : base.FlushAsync(cancellationToken);
}
