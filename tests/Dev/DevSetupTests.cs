using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class DevSetupTests
{
    [Fact]
    public async Task The_server_learns_what_it_needs_unless_it_is_configured_otherwise()
    {
        await using var server = await DevServer.StartAsync(settings: ("Graph:BaseUrl", "http://localhost:9/graph"));

        Assert.Equal(server.Issuer, server.Configuration["Auth:Issuers:0:Authority"]);
        Assert.Equal("mcp-files-server", server.Configuration["Obo:ClientId"]);
        Assert.Equal("https://127.0.0.1/dev", server.Configuration["Obo:Authority"]);
        Assert.Equal(server.Secret("server.secret"), server.Configuration["Obo:ClientCredentials:0:ClientSecret"]);
        Assert.Equal($"{server.Issuer}graph/User.ReadBasic.All", server.Configuration["Graph:Scopes:0"]);
        Assert.Equal("http://localhost:9/graph", server.Configuration["Graph:BaseUrl"]);
    }

    [Fact]
    public async Task Secrets_and_keys_are_readable_by_their_owner_only()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }

        await using var server = await DevServer.StartAsync();

        foreach (var name in (string[])["server.secret", "dev-cli.secret", "signing.key", "encryption.key"])
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(server.Directory, "dev", name)));
        }
    }

    [Theory]
    [InlineData("http://0.0.0.0:5081")]
    [InlineData("http://192.0.2.1:5081")]
    [InlineData("http://example.test:5081")]
    [InlineData("http://localhost.example.test:5081")]
    [InlineData("https://localhost:5081")]
    [InlineData("http://localhost:5081/path")]
    [InlineData("http://user@localhost:5081")]
    [InlineData("nonsense")]
    public void A_url_that_is_not_plain_http_on_loopback_is_refused(string url)
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => DevServer.Configure(Environments.Development, ("Dev:Url", url)));

        Assert.StartsWith("Dev:Url", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Anywhere_but_in_Development_it_is_refused()
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => DevServer.Configure(Environments.Production));

        Assert.Contains("Auth:Issuers:0:Authority", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_setting_is_refused()
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => DevServer.Configure(Environments.Development, ("Dev:Urll", "http://localhost:5081")));

        Assert.Contains("Dev:Urll", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public void Another_issuer_replaces_it_silently(string environment)
    {
        var builder = DevServer.Configure(environment, ("Auth:Issuers:0:Authority", "https://issuer.example.test/"));

        Assert.Null(builder.Configuration["Obo:Authority"]);
        Assert.DoesNotContain(builder.Services, service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Namespace == "McpFilesServer.Dev");
    }

    [Fact]
    public async Task Its_own_address_with_or_without_a_slash_is_still_itself()
    {
        var url = $"http://localhost:{DevServer.FreePort()}";
        await using var server = await DevServer.StartAsync(url, settings: ("Auth:Issuers:0:Authority", url));

        Assert.NotNull(server.Configuration["Obo:Authority"]);
    }

    [Fact]
    public async Task A_port_in_use_is_said_in_one_line()
    {
        await using var first = await DevServer.StartAsync();
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => DevServer.StartAsync(first.Url));

        Assert.StartsWith("Dev:Url", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Addresses_as_numbers_work_too()
    {
        await using var server = await DevServer.StartAsync($"http://127.0.0.1:{DevServer.FreePort()}");

        Assert.NotEmpty(await server.CommandTokenAsync());
    }

    [Fact]
    public async Task The_bridge_carries_one_authority_and_no_other()
    {
        await using var server = await DevServer.StartAsync();
        using var msal = server.Services.GetRequiredService<IHttpClientFactory>().CreateClient("TokenExchange");

        var discovery = await msal.GetFromJsonAsync<JsonElement>("https://127.0.0.1/dev/.well-known/openid-configuration", TestContext.Current.CancellationToken);
        Assert.Equal("https://127.0.0.1/dev", discovery.GetProperty("issuer").GetString());
        Assert.Equal("https://127.0.0.1/dev/token", discovery.GetProperty("token_endpoint").GetString());

        Assert.Contains("keys", await msal.GetStringAsync("https://127.0.0.1/dev/jwks", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await Assert.ThrowsAsync<HttpRequestException>(() => msal.GetAsync("https://127.0.0.1/developer", TestContext.Current.CancellationToken));
        Assert.Contains("issuer", await msal.GetStringAsync($"{server.Issuer}.well-known/openid-configuration", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
