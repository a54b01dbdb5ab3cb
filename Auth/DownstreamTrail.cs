using System.Diagnostics;

namespace McpFilesServer.Auth;

/// <summary>
/// Makes a call followable beyond this server. It stands in every client that the factory makes, and looks at requests with an exchanged token alone, so that no
/// client of a downstream API has to think of it: they go out under the call's trace, and how they were answered is noted for the call's outcome.
/// </summary>
internal sealed class DownstreamTrail(IHttpContextAccessor http) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (http.HttpContext?.Features.Get<Decision>() is not { } decision || !decision.IsFor(request))
        {
            return await base.SendAsync(request, cancellationToken);
        }

        Mark(request, decision);
        var response = await base.SendAsync(request, cancellationToken);
        decision.Outcome.DownstreamStatus = (int)response.StatusCode;
        return response;
    }

    /// <summary>
    /// The trace that the client named, so that he finds his call in the issuer's log and in the API's; the server's own when he named none. Only the id is taken from him:
    /// whether it is sampled is not his to say, and what else he sent with it stays here. As the standard has it (W3C Trace Context), and as Microsoft's services keep it.
    /// </summary>
    public static void Mark(HttpRequestMessage request, Decision decision)
    {
        var own = Activity.Current;
        if ((decision.Outcome.ClientTraceId ?? own?.TraceId.ToHexString()) is not { } trace)
        {
            return;
        }

        Set(request, "traceparent", $"00-{trace}-{own?.SpanId ?? ActivitySpanId.CreateRandom()}-{(own?.Recorded == true ? "01" : "00")}");
        Set(request, "client-request-id", Guid.ParseExact(trace, "N").ToString("D"));
    }

    private static void Set(HttpRequestMessage request, string name, string value)
    {
        request.Headers.Remove(name);
        request.Headers.Add(name, value);
    }
}
