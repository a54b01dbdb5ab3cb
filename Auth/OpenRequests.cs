using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using ModelContextProtocol.Protocol;

namespace McpFilesServer.Auth;

/// <summary>
/// Every request that is being served with a token, from the moment that the token was accepted until its answer has been sent. So whatever is open when its
/// token is revoked, a stream, a long tool call or a body that comes slowly, can be found and ended. Nothing has to register itself.
/// </summary>
internal sealed class OpenRequests(TimeProvider time)
{
    private readonly ConcurrentDictionary<OpenRequest, bool> _all = new(ReferenceEqualityComparer.Instance);

    /// <summary>How many there are.</summary>
    public int Count => _all.Count;

    /// <summary>Remembers a request until it has been answered.</summary>
    public void Add(HttpContext http, Caller caller, string token)
    {
#pragma warning disable CA2000 // The response disposes it.
        var request = new OpenRequest(http, caller, token, time, _all);
#pragma warning restore CA2000
        _all[request] = true;
        http.Features.Set(request);
        http.Response.RegisterForDispose(request);
    }

    /// <summary>Those whose token was looked at this long ago or before.</summary>
    public IReadOnlyList<OpenRequest> Unchecked(TimeSpan since) => [.. _all.Select(entry => entry.Key).Where(request => request.SinceCheck >= since)];
}

/// <summary>One request that is being served.</summary>
internal sealed class OpenRequest : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<OpenRequest, bool> _all;
    private readonly TimeProvider _time;
    private HttpContext? _http;
    private long _checked;

    public OpenRequest(HttpContext http, Caller caller, string token, TimeProvider time, ConcurrentDictionary<OpenRequest, bool> all)
    {
        (_http, Caller, Token, _time, _all) = (http, caller, token, time, all);
        (Address, TraceId) = (http.Connection.RemoteIpAddress, Activity.Current?.TraceId);
        Checked(time.GetTimestamp());
    }

    public Caller Caller { get; }

    /// <summary>The access token, for asking its issuer again.</summary>
    public string Token { get; }

    public IPAddress? Address { get; }

    public ActivityTraceId? TraceId { get; }

    /// <summary>What is served, once that is decided.</summary>
    public Operation? Operation { get; private set; }

    /// <summary>
    /// Whether the answer goes on for as long as the client likes, so that it must end when the token expires. A tool call that was allowed and has begun
    /// may finish: it has its own end, and cutting it off would leave half of a change behind and protect nothing that was not given already.
    /// </summary>
    public bool EndsWithToken => Operation?.Method == RequestMethods.SubscriptionsListen;

    /// <summary>How long ago it was last found that the token counts.</summary>
    public TimeSpan SinceCheck => _time.GetElapsedTime(Volatile.Read(ref _checked));

    /// <summary>Whether that was just now.</summary>
    public bool IsFresh => SinceCheck < TimeSpan.FromSeconds(1);

    /// <summary>The token counted at this time.</summary>
    public void Checked(long timestamp) => Volatile.Write(ref _checked, timestamp);

    public void Serve(Operation operation) => Operation = operation;

    /// <summary>Ends the request: what works on it is cancelled and the answer breaks off. False when it has been answered already.</summary>
    public bool End()
    {
        // Under the lock, because the server uses the context again for the next request of the connection, which may be somebody else's.
        lock (_gate)
        {
            var http = _http;
            _http = null;
            http?.Abort();
            return http is not null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _http = null;
        }

        _all.TryRemove(this, out _);
    }
}
