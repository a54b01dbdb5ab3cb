using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;

namespace McpFilesServer.Tests.Host;

/// <summary>The server as a process that goes on until it is killed, on a storage folder that outlives it.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly (string Storage, int Port, int ProviderPort) _at;
    private readonly ConcurrentQueue<string> _said = new();
    private string? _token;

    private RunningServer(Process process, (string, int, int) at)
    {
        (_process, _at) = (process, at);
    }

    public int Id => _process.Id;

    /// <summary>Everything it has said so far.</summary>
    public string Said => string.Join('\n', _said);

    private string Resource => $"http://localhost:{_at.Port}/mcp";

    /// <summary>Starts it and waits until it is ready.</summary>
    public static async Task<RunningServer> StartAsync((string Storage, int Port, int ProviderPort) at, params (string Key, string Value)[] environment)
    {
        // Ignored, the signal for a file that has become too large leaves the error that a full disk gives.
        var start = new ProcessStartInfo("bash", ["-c", $"trap '' XFSZ; exec dotnet '{typeof(Program).Assembly.Location}'"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = ServerProcess.RepositoryRoot,
        };
        foreach (var (key, value) in environment.Concat(
            [("Storage__Directory", at.Storage), ("Urls", $"http://localhost:{at.Port}"), ("Mcp__Resource", $"http://localhost:{at.Port}/mcp"), ("Dev__Url", $"http://localhost:{at.ProviderPort}")]))
        {
            start.Environment[key] = value;
        }

        var server = new RunningServer(Process.Start(start)!, at);
        DataReceivedEventHandler said = (_, line) => server._said.Enqueue(line.Data ?? "");
        server._process.OutputDataReceived += said;
        server._process.ErrorDataReceived += said;
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        var watch = Stopwatch.StartNew();
        while (!await server.IsReadyAsync())
        {
            if (server._process.HasExited || watch.Elapsed > TimeSpan.FromMinutes(2))
            {
                throw new InvalidOperationException($"The server did not start: {(server._process.HasExited ? server._process.ExitCode : "no answer")}");
            }

            await Task.Delay(50);
        }

        return server;
    }

    /// <summary>Calls a tool as alice.</summary>
    public async Task<Answer> CallAsync(string tool, object arguments)
    {
        _token ??= await TokenAsync();
        using var request = Message.Call(tool, arguments).ToRequest(new Uri(Resource), _token);
        using var response = await _http.SendAsync(request);
        return await Answer.ReadAsync(response);
    }

    /// <summary>Ends it at once, as a power cut would; or asks it to end, as an operator would.</summary>
    public async Task EndAsync(bool kill)
    {
        if (kill)
        {
            _process.Kill();
        }
        else
        {
            using var terminate = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await terminate.WaitForExitAsync();
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await _process.WaitForExitAsync(limit.Token);
    }

    public ValueTask DisposeAsync()
    {
        _process.Kill();
        _process.Dispose();
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    public async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await _http.GetAsync(new Uri($"http://localhost:{_at.Port}/health/ready"));
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<string> TokenAsync()
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "urn:mcp-files-server:dev-token",
            ["client_id"] = "dev-cli",
            ["client_secret"] = await File.ReadAllTextAsync(Path.Combine(_at.Storage, "dev", "dev-cli.secret")),
            ["username"] = "alice",
            ["scope"] = Mine.Scopes,
            ["resource"] = Resource,
        });
        using var response = await _http.PostAsync(new Uri($"http://localhost:{_at.ProviderPort}/token"), form);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return body.RootElement.GetProperty("access_token").GetString()!;
    }
}
