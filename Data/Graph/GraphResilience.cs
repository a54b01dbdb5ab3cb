using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Timeout;

namespace McpFilesServer.Data;

/// <summary>
/// How calls to Graph, and to its storage, fail: in time, and not over and over. What only reads is tried once more; what changes something never is. Whoever
/// meets failure after failure is refused at once for a while, so that nobody waits for a service that is down.
/// </summary>
internal static class GraphResilience
{
    /// <summary>The longest wait before the second try. Graph may ask for more: then the caller is told.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(3);

    /// <summary>Which circuit breaker a request belongs to.</summary>
    public static readonly HttpRequestOptionsKey<string> Circuit = new("circuit");

    /// <summary>
    /// Each of 256 groups of people has a circuit of its own. One for all would let one person, whose calls always fail, cut off everybody; one for each would be
    /// as many as there are people.
    /// </summary>
    public static string CircuitOf(IPerson person) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{person.Issuer} {person.Subject}")).AsSpan(0, 1));

    public static void AddGraphResilience(this IHttpClientBuilder client) => client
        .AddResilienceHandler(client.Name, (pipeline, context) =>
        {
            var time = context.ServiceProvider.GetRequiredService<TimeProvider>();
            pipeline.TimeProvider = time;
            pipeline.AddRetry(Once(time)).AddCircuitBreaker(Breaker()).AddTimeout(context.ServiceProvider.GetRequiredService<GraphOptions>().Timeout);
        })
        .SelectPipelineBy(_ => request => request.Options.TryGetValue(Circuit, out var circuit) ? circuit : "");

    private static HttpRetryStrategyOptions Once(TimeProvider time) => new()
    {
        MaxRetryAttempts = 1,
        ShouldHandle = args => ValueTask.FromResult(
            args.Context.GetRequestMessage()?.Method == HttpMethod.Get
            && (HttpClientResiliencePredicates.IsTransient(args.Outcome))
            && !(args.Outcome.Result is { } response && GraphFaults.WaitOf(response, time) > LongestWait)),
        DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(
            (args.Outcome.Result is { } response ? GraphFaults.WaitOf(response, time) : null) ?? TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(100, 500))),
    };

    /// <summary>
    /// Counts what says that the service is down, and nothing that says something about one request: not a refusal, not a limit, not a fault that one file makes.
    /// </summary>
    private static HttpCircuitBreakerStrategyOptions Breaker() => new()
    {
        FailureRatio = 0.5,
        MinimumThroughput = 8,
        SamplingDuration = TimeSpan.FromSeconds(30),
        BreakDuration = TimeSpan.FromSeconds(10),
        ShouldHandle = args => ValueTask.FromResult(
            args.Outcome.Exception is HttpRequestException or TimeoutRejectedException
            || args.Outcome.Result?.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout),
    };
}
