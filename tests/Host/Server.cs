using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Server;
using Xunit;

[assembly: AssemblyFixture(typeof(Server))]

namespace McpFilesServer.Tests.Host;

/// <summary>
/// The whole product on free ports of this machine: real sockets, real tokens of the development provider, real files and databases
/// in a folder of its own. One for all tests that do not change how it runs; a test that does makes its own.
/// </summary>
public sealed class Server : IAsyncLifetime
{
    private static int s_lastPort = Environment.ProcessId * 97 % 12_000;
    private readonly Factory _factory;
    private readonly bool _ownStorage;
    private bool _restarted;

    public Server()
        : this([])
    {
    }

    internal Server(IEnumerable<(string Key, string Value)> settings, Action<IServiceCollection>? services = null, Server? before = null)
    {
        Storage = before?.Storage ?? settings.LastOrDefault(setting => setting.Key == "Storage:Directory").Value;
        _ownStorage = Storage is null || before?._ownStorage == true;
        Storage ??= Directory.CreateTempSubdirectory("mcp-files-server-").FullName;
        var (port, providerPort) = (before?.Url.Port ?? FreePort(), before?.Provider.Port ?? FreePort());
        Url = new Uri($"http://localhost:{port}");
        Resource = $"http://localhost:{port}/mcp";
        Provider = new Uri($"http://localhost:{providerPort}/");
        // A setting of the test's own goes before the fixture's. Here everybody is alice, and some hundred tests call at once as her.
        _factory = new Factory(
            settings.Concat(
            [
                ("Storage:Directory", Storage), ("Mcp:Resource", Resource), ("Dev:Url", $"http://localhost:{providerPort}"), ("Limits:CallsPerMinute", "1000000"),
                ("Limits:ConcurrentCalls", "1000"), ("Limits:BytesPerMinute", "100000000000"), ("Files:ProjectsPerOwner", "100000"), ("Audit:AnonymousPerMinute", "1000000"),
            ]).DistinctBy(setting => setting.Item1),
            services);
        _factory.UseKestrel(kestrel => kestrel.ListenLocalhost(port));
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Url };
        Tokens = new Tokens(this);
    }

    public Uri Url { get; }

    public string Resource { get; }

    public Uri Provider { get; }

    public string Storage { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _factory.Services;

    internal Tokens Tokens { get; }

    /// <summary>A port that nobody has, from below the range that the system gives out by itself, so that nobody gets it in between.</summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = 20_000 + (Interlocked.Increment(ref s_lastPort) % 12_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it: the next one.
            }
        }
    }

    /// <summary>A server of a test's own.</summary>
    internal static async Task<Server> StartAsync(Action<IServiceCollection>? services = null, params (string Key, string Value)[] settings)
    {
        var server = new Server(settings, services);
        try
        {
            await server.InitializeAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops the server and starts one like it on the same storage and ports. That one is disposed too, and takes the storage with it.</summary>
    internal async Task<Server> RestartAsync(Action<IServiceCollection>? services = null, params (string Key, string Value)[] settings)
    {
        await StopAsync();
        _restarted = true;
        var server = new Server(settings, services, before: this);
        await server.InitializeAsync();
        return server;
    }

    public ValueTask InitializeAsync()
    {
        _factory.StartServer();
        return ValueTask.CompletedTask;
    }

    /// <summary>What a message is answered with, as a 2026-07-28 client sends it; with <paramref name="legacy"/> as one of 2025-11-25 does.</summary>
    internal Task<Answer> CallAsync(string? token, string tool, object arguments, bool legacy = false) =>
        SendAsync(token, Message.Call(tool, arguments, legacy));

    internal async Task<Answer> SendAsync(string? token, Message message)
    {
        using var request = message.ToRequest(new Uri(Resource), token);
        using var response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }

    /// <summary>Records of the audit, newest last: what was decided and what became of questions and exchanges, without outcomes and what the server says of itself.</summary>
    internal IReadOnlyList<JsonElement> AuditRows(long after = 0) =>
        [.. AuditRecords(after).Where(row => row.GetProperty("kind").GetString() is not ("outcome" or "configuration"))];

    /// <summary>The outcome of the decision with this number, as soon as it is there.</summary>
    internal async Task<JsonElement> OutcomeOfAsync(long number)
    {
        for (var i = 0; i < 500; i++)
        {
            if (AuditRecords(number).SingleOrDefault(row => row.GetProperty("kind").GetString() == "outcome" && row.GetProperty("about").GetInt64() == number) is { ValueKind: JsonValueKind.Object } outcome)
            {
                return outcome;
            }

            await Task.Delay(20);
        }

        throw new InvalidOperationException($"Record {number} has no outcome.");
    }

    /// <summary>All records of the audit, newest last.</summary>
    internal IReadOnlyList<JsonElement> AuditRecords(long after = 0)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(Storage, "audit.db")};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select * from audit where sequence > $after order by sequence";
        command.Parameters.AddWithValue("$after", after);
        using var reader = command.ExecuteReader();
        var rows = new List<JsonElement>();
        while (reader.Read())
        {
            rows.Add(JsonSerializer.SerializeToElement(Enumerable.Range(0, reader.FieldCount)
                .ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i))));
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_restarted)
        {
            await StopAsync();
            if (_ownStorage)
            {
                Directory.Delete(Storage, recursive: true);
            }
        }
    }

    private async Task StopAsync()
    {
        Http.Dispose();
        await _factory.DisposeAsync();
        SqliteConnection.ClearAllPools();
    }

    private sealed class Factory(IEnumerable<(string Key, string Value)> settings, Action<IServiceCollection>? services) : WebApplicationFactory<Program>
    {
        protected override IHost CreateHost(IHostBuilder builder)
        {
            // Becomes the command line of Program, so that it is there from its first line on.
            builder.ConfigureHostConfiguration(configuration =>
                configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))));
            return base.CreateHost(builder);
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment(Environments.Development);
            builder.ConfigureLogging(logging => logging.ClearProviders());
            builder.ConfigureTestServices(collection =>
            {
                services?.Invoke(collection);
                // What a test adds to the surface is approved by the test, unless it brings what is approved itself.
                if (services is not null && collection.Count(service => service.ServiceType == typeof(ApprovedSurface)) == 1)
                {
                    collection.Replace(ServiceDescriptor.Singleton(provider => new ApprovedSurface(ApprovedSurface.Describe(
                        provider.GetServices<McpServerTool>(), provider.GetServices<McpServerPrompt>(), provider.GetServices<McpServerResource>()))));
                }
            });
        }
    }
}
