using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Identity.Client;
using Polly;
using Polly.Timeout;

namespace McpFilesServer.Auth;

/// <summary>
/// The client that exchanges tokens, and does nothing else: no redirect is followed, an answer is small, and an issuer that is away or slow is found out
/// quickly. MSAL is given this one, too, in place of the unnamed client that it would take.
/// </summary>
internal sealed class IssuerClient(IHttpClientFactory clients) : IMsalHttpClientFactory
{
    /// <summary>The development provider, which knows nothing of this room, names it too.</summary>
    public const string Name = "TokenExchange";

    private const int MaxAnswer = 256 * 1024;

    public HttpClient GetHttpClient() => clients.CreateClient(Name);

    public static void Configure(IServiceCollection services)
    {
        services.AddSingleton<IMsalHttpClientFactory, IssuerClient>();
        services.AddTransient<ServerErrors>().AddTransient<Traced>();
        services.AddHttpClient(Name, client =>
            {
                // The pipeline below and the decision's deadline end a request. An exception of HttpClient's own makes MSAL ask again.
                client.Timeout = Timeout.InfiniteTimeSpan;
                client.MaxResponseContentBufferSize = MaxAnswer;
            })
            // A redirect would carry the assertion to wherever the answer says.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds(2),
                PooledConnectionLifetime = TimeSpan.FromMinutes(10),
                // It would send on the baggage that a client chose; the trace is written by hand.
                ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            })
            .AddHttpMessageHandler<ServerErrors>()
            .AddHttpMessageHandler<Traced>()
            .AddResilienceHandler(Name, Resist);
    }

    /// <summary>Whether an exception means that there was no answer, and not that something is wrong here.</summary>
    public static bool IsNetwork(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException or ExecutionRejectedException;

    /// <summary>
    /// An issuer that fails half of the time is left alone for five seconds. A request that was sent is never sent again: only one that found no
    /// connection is, once.
    /// </summary>
    private static void Resist(ResiliencePipelineBuilder<HttpResponseMessage> pipeline) => pipeline
        .AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = 1,
            Delay = TimeSpan.FromMilliseconds(100),
            ShouldHandle = attempt => ValueTask.FromResult(
                attempt.Outcome.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }),
        })
        .AddCircuitBreaker(new HttpCircuitBreakerStrategyOptions
        {
            FailureRatio = 0.5,
            MinimumThroughput = 20,
            SamplingDuration = TimeSpan.FromSeconds(10),
            BreakDuration = TimeSpan.FromSeconds(5),
            ShouldHandle = attempt => ValueTask.FromResult(
                attempt.Outcome is { Exception: HttpRequestException or TimeoutRejectedException } or { Result.StatusCode: >= HttpStatusCode.InternalServerError }),
        })
        .AddTimeout(TimeSpan.FromSeconds(5));

    private sealed class Traced(IHttpContextAccessor http) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (http.HttpContext?.Features.Get<Decision>() is { } decision)
            {
                DownstreamTrail.Mark(request, decision);
            }

            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>MSAL asks again by itself after a 5xx; after an exception it does not.</summary>
    private sealed class ServerErrors : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (response.StatusCode < HttpStatusCode.InternalServerError)
            {
                return response;
            }

            response.Dispose();
            throw new HttpRequestException("The issuer failed.", null, response.StatusCode);
        }
    }
}
