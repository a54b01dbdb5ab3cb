using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpFilesServer.Dev;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>A server with the provider beside it, on free ports and in a folder of its own.</summary>
internal sealed class DevServer : IAsyncDisposable
{
    public const string Alice = "7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01";
    public const string Bob = "b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02";

    /// <summary>The resource, unless a test sets another.</summary>
    public const string Resource = "http://localhost:5080/mcp";

    private static readonly Dictionary<string, string> Scopes = new()
    {
        ["projects:read"] = "List and read your projects",
        ["files:read"] = "List, read and search files in your projects",
        ["files:write"] = "Create and change files in your projects",
    };

    private readonly WebApplication _app;
    private readonly bool _keepDirectory;

    private DevServer(WebApplication app, string url, string directory, bool keepDirectory, Clock clock)
    {
        (_app, _keepDirectory, Url, Directory, Clock) = (app, keepDirectory, url, directory, clock);
        Http = Client(url);
    }

    public string Url { get; }

    public string Issuer => Url + "/";

    public string Directory { get; }

    public Clock Clock { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public IConfiguration Configuration => _app.Configuration;

    /// <summary>The resource of this server.</summary>
    public string Audience => Configuration["Mcp:Resource"]!;

    public static int FreePort() => Host.Server.FreePort();

    public static async Task<DevServer> StartAsync(string? url = null, string? directory = null, bool keepDirectory = false, Clock? clock = null, params (string Key, string Value)[] settings)
    {
        url ??= $"http://localhost:{FreePort()}";
        directory ??= System.IO.Directory.CreateTempSubdirectory("dev-provider-").FullName;
        clock ??= new Clock();
        var builder = Builder(Environments.Development, [.. settings, .. new[] { ("Dev:Url", url), ("Storage:Directory", directory), ("Mcp:Resource", Resource) }.ExceptBy(settings.Select(setting => setting.Key), setting => setting.Item1)]);
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.AddDevelopmentProvider(Scopes);

        var app = builder.Build();

        try
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new DevServer(app, url, directory, keepDirectory, clock);
    }

    public static HttpClient Client(string url) => new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(url) };

    /// <summary>Only the decision at start, for settings that are refused.</summary>
    public static WebApplicationBuilder Configure(string environment, params (string Key, string Value)[] settings)
    {
        var builder = Builder(environment, settings);
        builder.AddDevelopmentProvider(Scopes);

        return builder;
    }

    public string Secret(string name) => File.ReadAllText(Path.Combine(Directory, "dev", name));

    public async Task<string> RegisterAsync(string redirectUri = "http://127.0.0.1:7777/callback", string name = "A test")
    {
        using var answer = await Http.PostAsJsonAsync("/register", new { client_name = name, redirect_uris = new[] { redirectUri } });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);

        return (await JsonAsync(answer)).GetProperty("client_id").GetString()!;
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        using var answer = await Http.PostAsync(path, content);

        return (answer.StatusCode, await JsonAsync(answer));
    }

    /// <summary>The token that the <c>token</c> command prints.</summary>
    public async Task<string> CommandTokenAsync(string user = "alice", string scope = "files:read")
    {
        var (_, body) = await PostAsync("/token", CommandGrant(user, scope));

        return body.GetProperty("access_token").GetString()!;
    }

    public (string, string)[] CommandGrant(string user, string scope, string? resource = null) =>
    [
        ("grant_type", "urn:mcp-files-server:dev-token"), ("client_id", "dev-cli"), ("client_secret", Secret("dev-cli.secret")),
        ("username", user), ("scope", scope), ("resource", resource ?? Audience),
    ];

    public (string, string)[] OnBehalfOf(string assertion, string scope, string? secret = null) =>
    [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("requested_token_use", "on_behalf_of"), ("client_id", "mcp-files-server"),
        ("client_secret", secret ?? Secret("server.secret")), ("assertion", assertion), ("scope", scope),
    ];

    /// <summary>What the server is told about a token.</summary>
    public async Task<JsonElement> IntrospectAsync(string token) =>
        (await PostAsync("/introspect", ("client_id", "mcp-files-server"), ("client_secret", Secret("server.secret")), ("token", token))).Body;

    /// <summary>Whether the server may exchange a token.</summary>
    public async Task<HttpStatusCode> ExchangeAsync(string token) => (await PostAsync("/token", OnBehalfOf(token, $"{Issuer}graph/Files.Read"))).Status;

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();

        return text is "" ? default : JsonDocument.Parse(text).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();

        if (!_keepDirectory)
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }

    private static WebApplicationBuilder Builder(string environment, (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();

        return builder;
    }
}

/// <summary>The real time, moved.</summary>
internal sealed class Clock : TimeProvider
{
    private TimeSpan _ahead;

    public void Advance(TimeSpan by) => _ahead += by;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _ahead;
}

/// <summary>One server for a whole class of tests. A test that moves the clock or uses up a limit starts its own.</summary>
public sealed class SharedDevServer : IAsyncLifetime
{
    internal DevServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await DevServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
