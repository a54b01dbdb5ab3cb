using System.Net;
using System.Net.Sockets;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Commands;

/// <summary>A server that cannot run says so in one line and with an exit status, and leaves nothing behind.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _storage = Path.Combine(Path.GetTempPath(), $"mcp-files-start-{Guid.NewGuid():n}");

    [Theory]
    [InlineData("Mcp__Resourse", "http://localhost:5080/mcp", "Mcp: unknown setting Resourse. Correct its name, or remove it.")]
    [InlineData("Mcp__Resource", "localhost", "Mcp:Resource must be the absolute URL that clients use for this server, such as https://files.example.com/mcp.")]
    [InlineData("Mcp__Resource", "http://localhost:5080/mcp/", "Mcp:Resource 'http://localhost:5080/mcp/' must be in canonical form: lower-case host, no default port, a path, no trailing slash, query or fragment.")]
    [InlineData("Mcp__MaxRequestBytes", "lots", "Mcp: Mcp:MaxRequestBytes must be a whole number. Correct it.")]
    [InlineData("Auth__Issuers__0__Autority", "x", "Auth: unknown setting Autority. Correct its name, or remove it.")]
    [InlineData("Auth__ClockSkew", "soon", "Auth: Auth:ClockSkew must be a time as hh:mm:ss. Correct it.")]
    [InlineData("Storage__Directory", "", "Storage:Directory must name a folder.")]
    [InlineData("Storage__Directory", "/etc/hostname", null)]
    [InlineData("Urls", "nonsense", null)]
    [InlineData("Logging__LogLevel__Default", "Nope", null)]
    [InlineData("Files__Root", "no/such/folder", "Files:Root 'no/such/folder' does not exist. Create the folder, or remove the setting.")]
    [InlineData("Auth__Issuers__0__MaxTokenLifetime", "24:00:00", "Auth:Issuers:0:MaxTokenLifetime must be more than zero and at most 01:30:00.")]
    [InlineData("Auth__Issuers__0__Authority", "http://idp.example.com/", "Auth:Issuers:0:Authority 'http://idp.example.com/' must be https (plain http is for a loopback address in Development).")]
    [InlineData("Dev__Url", "http://0.0.0.0:5081", null)]
    [InlineData("Dev__Url", "http://idp.example.com:5081", null)]
    [InlineData("Dev__Colour", "blue", null)]
    public async Task A_setting_that_is_wrong_stops_the_start_with_one_line(string key, string value, string? line)
    {
        var (exitCode, _, error) = await ServerProcess.RunAsync([], ("Storage__Directory", _storage), ("Dev__Url", $"http://localhost:{Server.FreePort()}"), (key, value));

        Assert.Equal(1, exitCode);
        var said = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        if (line is not null)
        {
            Assert.Equal(line, said);
        }

        Assert.Contains(key.Split("__")[^1] is "Default" or "Urls" ? value : key.Split("__")[0], said, StringComparison.Ordinal);
        // Kestrel reads Urls when everything else is up.
        Assert.False(key != "Urls" && Directory.Exists(Path.Combine(_storage, "projects")));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named_with_the_setting()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var home = Directory.CreateTempSubdirectory("mcp-files-home-");

        var (exitCode, _, error) = await ServerProcess.RunAsync(
            [], ("HOME", home.FullName), ("Storage__Directory", _storage), ("Urls", $"http://127.0.0.1:{port}"), ("Dev__Url", $"http://localhost:{Server.FreePort()}"));

        Assert.Equal(1, exitCode);
        Assert.Equal(
            $"Failed to bind to address http://127.0.0.1:{port}: address already in use. Stop what runs there, or set Urls (and Mcp:Resource) to another port.",
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        // By then everything has been up once, and everything that was written is in the storage folder.
        Assert.Empty(home.EnumerateFiles("*", SearchOption.AllDirectories));
        home.Delete(recursive: true);
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS")]
    [InlineData("Urls")]
    public async Task Where_it_listens_can_be_said_in_ASP_NET_Cores_way(string variable)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}";

        var (exitCode, _, error) = await ServerProcess.RunAsync([], ("Storage__Directory", _storage), (variable, url), ("Dev__Url", $"http://localhost:{Server.FreePort()}"));

        Assert.Equal(1, exitCode);
        Assert.Contains(url, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_settings_production_does_not_start()
    {
        var (exitCode, _, error) = await ServerProcess.RunAsync([], ("Storage__Directory", _storage), ("ASPNETCORE_ENVIRONMENT", "Production"));

        Assert.Equal(1, exitCode);
        Assert.Contains("Auth:Issuers:0:Authority is missing", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("tokn")]
    [InlineData("--help")]
    public async Task An_unknown_command_is_told_the_ones_there_are(string command)
    {
        var (exitCode, output, error) = await ServerProcess.RunAsync([command], ("Storage__Directory", _storage));

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains("check", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_storage));
    }

    [Theory]
    [InlineData(new string[] { "token" }, "usage: ")]
    [InlineData(new string[] { "token", "alice", "files:read" }, "No development identity provider has run here yet. Start one with: dotnet run")]
    public async Task The_token_command_says_what_it_needs_and_prints_nothing_else(string[] arguments, string line)
    {
        var (exitCode, output, error) = await ServerProcess.RunAsync(arguments, ("Storage__Directory", _storage));

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith(line, Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_command_prints_a_token_and_nothing_else()
    {
        await using var server = await Server.StartAsync();

        var (exitCode, output, error) = await ServerProcess.RunAsync(
            ["token", "alice", "files:read projects:read"],
            ("Storage__Directory", server.Storage), ("Dev__Url", server.Provider.AbsoluteUri.TrimEnd('/')), ("Mcp__Resource", server.Resource));

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(HttpStatusCode.OK, (await server.CallAsync(output.TrimEnd('\n'), "list_projects", new { })).Status);
    }

    public void Dispose()
    {
        if (Directory.Exists(_storage))
        {
            Directory.Delete(_storage, recursive: true);
        }
    }
}
