using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpFilesServer.Tests.Host;

/// <summary>A Graph, or a storage behind it, that a test plays itself: it says what the test wants and remembers what it was asked.</summary>
internal sealed class GraphStub : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Asked> _asked = new();

    private GraphStub(WebApplication app, string host, int port)
    {
        (_app, Url) = (app, new Uri($"http://{host}:{port}/"));
    }

    public Uri Url { get; }

    public IReadOnlyCollection<Asked> Requests => _asked;

    /// <summary>What it says from now on.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = context => context.Response.WriteAsJsonAsync(new { value = Array.Empty<object>() });

    /// <summary>Settings of a server that takes this for Graph, and loopback addresses of this spelling for the storage behind it.</summary>
    public (string, string)[] Settings(string transferHost = "127.0.0.1", string timeout = "00:00:20") =>
        [("Graph:BaseUrl", $"{Url}v1.0"), ("Graph:TransferHosts:0", transferHost), ("Graph:Timeout", timeout)];

    public static async Task<GraphStub> StartAsync(string host = "127.0.0.1")
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        var port = Server.FreePort();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenLocalhost(port);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        builder.Logging.ClearProviders();
        builder.Services.AddRoutingCore();
        var stub = new GraphStub(builder.Build(), host, port);
        stub._app.Run(context =>
        {
            stub._asked.Enqueue(new Asked(
                context.Request.Method, context.Request.GetEncodedPathAndQuery(), context.Request.Host.Value!,
                context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
            return stub.Answer(context);
        });
        await stub._app.StartAsync();
        return stub;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>A request that came.</summary>
    internal sealed record Asked(string Method, string Target, string Host, IReadOnlyDictionary<string, string> Headers)
    {
        public string? Authorization => Headers.GetValueOrDefault("Authorization");
    }
}
