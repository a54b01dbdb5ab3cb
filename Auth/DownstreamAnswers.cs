namespace McpFilesServer.Auth;

/// <summary>
/// Notes how a downstream API answered a request with an exchanged token, for the outcome of the call. It stands in every client that the factory makes, so that no
/// client of a downstream API has to think of it.
/// </summary>
internal sealed class DownstreamAnswers(IHttpContextAccessor http) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        if (http.HttpContext?.Features.Get<Decision>() is { } decision && decision.IsFor(request))
        {
            decision.Outcome.DownstreamStatus = (int)response.StatusCode;
        }

        return response;
    }
}
