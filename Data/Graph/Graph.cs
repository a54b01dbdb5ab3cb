using System.Net;
using System.Net.Http.Headers;

namespace McpFilesServer.Data;

/// <summary>
/// Microsoft Graph v1.0, with the token that the gateway exchanged for the running tool. Nothing else sends that token, and it is sent below
/// <see cref="GraphOptions.BaseUrl"/> only. What Graph says is data: an answer has the expected form and size, or it is none; of an error the number counts alone.
/// </summary>
internal sealed class Graph(HttpClient http, IDownstreamToken token, TimeProvider time, ILogger<Graph> log)
{
    /// <summary>The name of this downstream API: that of its settings section.</summary>
    public const string Resource = "Graph";

    /// <summary>The largest answer, in bytes. Contents of files do not come this way.</summary>
    public const int MaxAnswer = 1024 * 1024;

    /// <summary>Whose circuit breaker watches the calls of this person.</summary>
    public string Circuit { get; } = GraphResilience.CircuitOf(token.Person);

    /// <summary>Asks for something.</summary>
    /// <param name="path">Below the root of Graph, escaped.</param>
    /// <param name="what">What a sentence calls it when it is not there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ProblemException">Graph refused, failed, or answered with something else.</exception>
    public Task<T> GetAsync<T>(string path, string what, CancellationToken cancellationToken) where T : class =>
        SendAsync(HttpMethod.Get, path, null, what, ReadAsync<T>, cancellationToken);

    /// <summary>Changes something. It is tried once.</summary>
    /// <inheritdoc cref="GetAsync{T}"/>
    public Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent content, string what, CancellationToken cancellationToken) where T : class =>
        SendAsync(method, path, content, what, ReadAsync<T>, cancellationToken);

    /// <summary>Where Graph says that something is to be fetched from, which it does instead of giving it. Nobody has gone there yet.</summary>
    /// <inheritdoc cref="GetAsync{T}"/>
    public Task<Uri> LocateAsync(string path, string what, CancellationToken cancellationToken) => SendAsync(
        HttpMethod.Get, path, null, what,
        (response, _) => Task.FromResult(response.StatusCode == HttpStatusCode.Found ? response.Headers.Location ?? throw GraphFaults.Unusable() : throw GraphFaults.Unusable()),
        cancellationToken);

    /// <summary>The part of an address that is below the root of Graph.</summary>
    /// <exception cref="ProblemException">It is elsewhere: the token is not for there.</exception>
    public string Below(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.AbsoluteUri.StartsWith(http.BaseAddress!.AbsoluteUri, StringComparison.Ordinal) && uri.Fragment.Length == 0
            ? uri.AbsoluteUri[http.BaseAddress.AbsoluteUri.Length..]
            : throw GraphFaults.Unusable();

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellationToken) where T : class =>
        response.IsSuccessStatusCode && await response.Content.ReadFromJsonAsync<T>(cancellationToken) is { } answer ? answer : throw GraphFaults.Unusable();

    private async Task<T> SendAsync<T>(
        HttpMethod method, string path, HttpContent? content, string what, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, Below(http.BaseAddress!.AbsoluteUri + path)) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.DownstreamToken);
        request.Options.Set(GraphResilience.Circuit, Circuit);
        if (path.Contains("$search=", StringComparison.Ordinal))
        {
            // Without it Graph does not search.
            request.Headers.Add("ConsistencyLevel", "eventual");
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return (int)response.StatusCode < 400 ? await read(response, cancellationToken) : throw Refused(response, what);
        }
        catch (Exception e) when (GraphFaults.IsTheirs(e) && !cancellationToken.IsCancellationRequested)
        {
            // Neither its message nor the address: both may hold what others wrote. The log has the trace that Graph was given.
            log.LogWarning("Microsoft Graph could not be called: {Fault}", e.GetType().Name);
            throw GraphFaults.From(e);
        }
    }

    private ProblemException Refused(HttpResponseMessage response, string what)
    {
        if (response.StatusCode is HttpStatusCode.Unauthorized or >= HttpStatusCode.InternalServerError)
        {
            log.LogWarning("Microsoft Graph answered {Status}", (int)response.StatusCode);
        }

        return GraphFaults.Of(response, what, time);
    }
}
