using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace McpFilesServer.Dev;

/// <summary>The addresses of a host.</summary>
internal delegate Task<IPAddress[]> Resolve(string host, CancellationToken cancellationToken);

/// <summary>
/// Gets a client's document. The address comes from whoever opened the authorization endpoint, so this is the provider's only way to be sent somewhere by a
/// stranger (SSRF): it dials public addresses only, follows nothing, and gives up soon.
/// </summary>
internal sealed class DocumentFetch : IDisposable
{
    public const int MaximumBytes = 64 * 1024;

    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary>How long a document is good: as its cache headers say (RFC 9111), within these bounds, so that one sign-in sees one document.</summary>
    public static readonly (TimeSpan AtLeast, TimeSpan AtMost) Kept = (TimeSpan.FromMinutes(1), TimeSpan.FromHours(1));

    private readonly DevOptions _options;
    private readonly Resolve _resolve;
    private readonly TimeProvider _time;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpClient _http;

    public DocumentFetch(DevOptions options, Resolve resolve, TimeProvider time)
    {
        (_options, _resolve, _time) = (options, resolve, time);
        _handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // a redirect is how a public name leads inside
            UseProxy = false, // a proxy would resolve the name a second time
            UseCookies = false,
            ConnectCallback = DialAsync,
            PooledConnectionLifetime = TimeSpan.Zero,
            MaxResponseHeadersLength = 16, // KiB
            MaxResponseDrainSize = 0, // what is too large is not read to its end either
        };
        _http = new HttpClient(_handler) { DefaultRequestHeaders = { Accept = { new MediaTypeWithQualityHeaderValue("application/json") } } };
    }

    /// <summary>The document at this client id, and until when it is good.</summary>
    /// <exception cref="ClientDocumentException">It cannot be had, or is not what it should be.</exception>
    public async Task<(ClientDocument Document, DateTimeOffset GoodUntil)> GetAsync(string clientId, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);

        try
        {
            using var answer = await _http.GetAsync(new Uri(clientId), HttpCompletionOption.ResponseHeadersRead, deadline.Token);

            if (answer.StatusCode is not HttpStatusCode.OK || answer.Content.Headers is not { ContentType.MediaType: "application/json", ContentEncoding.Count: 0 })
            {
                throw new ClientDocumentException("the answer is not 200 with application/json");
            }

            var document = ClientDocument.Read(await ReadAsync(answer.Content, deadline.Token), clientId);

            return (document, _time.GetUtcNow() + Good(answer));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new ClientDocumentException((e.InnerException as ClientDocumentException ?? e).Message);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _handler.Dispose();
    }

    /// <summary>
    /// Resolves once, judges every address, and dials one of these very addresses: a name that resolves to something else the second time (DNS rebinding)
    /// gains nothing, nor does one with a public and a private address.
    /// </summary>
    private async ValueTask<Stream> DialAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await _resolve(host, cancellationToken);
        Func<IPAddress, bool> isAllowed = _options.AllowLoopbackClientDocuments && ClientDocument.IsLoopbackHost(host) ? IPAddress.IsLoopback : PublicAddresses.Contain;

        if (addresses.Length is 0 || !addresses.All(isAllowed))
        {
            throw new ClientDocumentException("its host is not on the public internet");
        }

        Socket? socket = new(SocketType.Stream, ProtocolType.Tcp);

        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            var stream = new NetworkStream(socket, ownsSocket: true);
            socket = null;

            return stream;
        }
        finally
        {
            socket?.Dispose();
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        await using var body = await content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaximumBytes + 1];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);

        return length <= MaximumBytes ? buffer.AsMemory(0, length) : throw new ClientDocumentException($"it is larger than {MaximumBytes} bytes");
    }

    private TimeSpan Good(HttpResponseMessage answer)
    {
        var said = answer.Headers.CacheControl switch
        {
            { NoStore: true } or { NoCache: true } => TimeSpan.Zero,
            { MaxAge: { } age } => age - (answer.Headers.Age ?? TimeSpan.Zero),
            _ => answer.Content.Headers.Expires - _time.GetUtcNow() ?? TimeSpan.Zero,
        };

        return TimeSpan.FromTicks(Math.Clamp(said.Ticks, Kept.AtLeast.Ticks, Kept.AtMost.Ticks));
    }
}
