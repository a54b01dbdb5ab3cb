using System.Diagnostics;
using System.Net;

namespace McpFilesServer.Data;

/// <summary>The clients for Microsoft Graph: one that carries the exchanged token and calls one root, and one that carries nothing and calls where Graph says.</summary>
internal static class GraphSetup
{
    /// <exception cref="SettingsException">A setting is wrong.</exception>
    public static void AddGraph(this WebApplicationBuilder builder)
    {
        foreach (var (list, values) in GraphOptions.Defaults.Where(list => !builder.Configuration.GetSection($"{GraphOptions.Section}:{list.Key}").Exists()))
        {
            builder.Configuration.AddInMemoryCollection(values.Select((value, i) => KeyValuePair.Create($"{GraphOptions.Section}:{list}:{i}", (string?)value)));
        }

        var graph = builder.AddSettings<GraphOptions>();
        var services = builder.Services;
        services.AddSingleton<TransferHosts>().AddSingleton<TransferDial>().AddSingleton<ResolveHost>((host, cancellationToken) => Dns.GetHostAddressesAsync(host, cancellationToken));
        services.AddTransient<PeopleDirectory>().AddTransient<Drive>().AddTransient<DriveUploads>();

        // Both tries and the wait between them, the answer's body included.
        var limit = (2 * graph.Timeout) + GraphResilience.LongestWait;
        services.AddHttpClient<Graph>(client =>
            {
                client.BaseAddress = new Uri(graph.BaseUrl.TrimEnd('/') + "/");
                client.Timeout = limit;
                client.MaxResponseContentBufferSize = Graph.MaxAnswer;
            })
            // Addresses have names of files in them, and those below permissions.
            .RemoveAllLoggers()
            // A redirect would carry the token to wherever the answer says.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                PooledConnectionLifetime = TimeSpan.FromMinutes(10),
                // It would send on the baggage that a client chose; DownstreamTrail writes the trace.
                ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            })
            .AddGraphResilience();
        services.AddHttpClient<Transfers>(client => client.Timeout = limit)
            .RemoveAllLoggers()
            .ConfigurePrimaryHttpMessageHandler(provider => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                // A proxy would resolve the name itself, and whatever it is then would be called.
                UseProxy = false,
                ConnectCallback = provider.GetRequiredService<TransferDial>().ConnectAsync,
                ConnectTimeout = TimeSpan.FromSeconds(10),
                PooledConnectionLifetime = TimeSpan.FromMinutes(2),
                MaxResponseHeadersLength = 32, // KiB
                MaxResponseDrainSize = 0, // what is more than it should be is not read to its end
                // Nothing of the caller's call is anybody else's to know.
                ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            })
            .AddGraphResilience();
    }
}
