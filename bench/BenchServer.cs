using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace McpFilesServer.Bench;

/// <summary>The server as it is built, in a process of its own on loopback, with a storage folder of its own that goes away with it.</summary>
internal sealed class BenchServer : IAsyncDisposable
{
    private readonly Process _process;

    private BenchServer(Process process, string storage, int port)
    {
        (_process, Storage, Resource) = (process, storage, ResourceAt(port));
        Http = new HttpClient { BaseAddress = new Uri($"http://localhost:{port}") };
    }

    public HttpClient Http { get; }

    public string Resource { get; }

    public string Storage { get; }

    /// <summary>What the process holds in memory, in MiB.</summary>
    public double Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64 / 1024.0 / 1024.0;
        }
    }

    public static async Task<BenchServer> StartAsync(BenchIssuer issuer)
    {
        var (storage, port) = (Directory.CreateTempSubdirectory("mcp-files-bench-").FullName, FreePort());
        // Release has no development provider; Development lets the issuer be on this machine.
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "McpFilesServer.dll")]) { RedirectStandardOutput = true, WorkingDirectory = storage };
        foreach (var (key, value) in new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["Urls"] = $"http://localhost:{port}",
            ["Mcp__Resource"] = ResourceAt(port),
            ["Auth__Issuers__0__Authority"] = issuer.Authority,
            ["Storage__Directory"] = storage,
            ["Logging__LogLevel__Default"] = "Warning",
        })
        {
            start.Environment[key] = value;
        }

        var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        var server = new BenchServer(process, storage, port);
        await server.ReadyAsync();
        return server;
    }

    /// <summary>One call of a tool, as an older client makes it. It must be a success.</summary>
    public async Task CallAsync(string token, string tool, string arguments = "{}")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Resource)
        {
            Content = new StringContent($$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}}}}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.OK || !body.Contains("\"result\"", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{(int)response.StatusCode} {body}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(Storage, recursive: true);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string ResourceAt(int port) => $"http://localhost:{port}/mcp";

    private async Task ReadyAsync()
    {
        for (var i = 0; i < 300 && !_process.HasExited; i++)
        {
            try
            {
                if ((await Http.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException("The server did not start.");
    }
}
