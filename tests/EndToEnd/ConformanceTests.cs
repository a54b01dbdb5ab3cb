using System.Text.Json;
using McpFilesServer.Tests.Dev;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>
/// The official conformance suite against the development provider: every scenario it has for an authorization server (two, in the pinned version), which
/// a test counts, so that a newer version with more of them is noticed.
/// </summary>
public sealed class ConformanceTests
{
    private static readonly string[] Scenarios = ["authorization-server-metadata-endpoint", "authorization-code-grant"];

    [Theory]
    [InlineData("metadata document")]
    [InlineData("dynamic")]
    [InlineData("pre-registered")]
    public async Task The_provider_passes_every_scenario_for_authorization_servers(string kind)
    {
        var port = NodeClients.CallbackPort();
        var callback = $"http://127.0.0.1:{port}/callback";
        await using var stub = await DocumentStub.StartAsync();
        await using var server = await DevServer.StartAsync(settings:
        [
            ("Dev:AllowLoopbackClientDocuments", "true"),
            ("Dev:Clients:0:Id", "conformance"), ("Dev:Clients:0:Name", "The conformance suite"), ("Dev:Clients:0:RedirectUris:0", callback),
        ]);
        var client = kind switch
        {
            "metadata document" => stub.ClientId,
            "dynamic" => await server.RegisterAsync(callback),
            _ => "conformance",
        };

        var results = await RunAsync(server, client, port);

        Assert.Equal(["authorization-code-grant", "authorization-server-metadata", "authorization-server-metadata-cimd"], results.Select(check => check.GetProperty("id").GetString()).Order());
        Assert.All(results, check => Assert.True(check.GetProperty("status").GetString() is "SUCCESS", check.GetRawText()));
    }

    [Fact]
    public async Task There_are_no_other_scenarios_for_authorization_servers()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var suite = await NodeClients.StartOnNewNodeAsync(NodeClients.Conformance, limit.Token, "list");
        var (_, output, _) = await suite.EndAsync(limit.Token);

        var listed = output[output.IndexOf("Authorization server scenarios", StringComparison.Ordinal)..].Split('\n').Where(line => line.StartsWith("  - ", StringComparison.Ordinal));
        Assert.Equal(Scenarios, listed.Select(line => line.Split(' ')[3]));
    }

    /// <summary>Runs the suite with a person at the browser, and gives its checks.</summary>
    private static async Task<List<JsonElement>> RunAsync(DevServer server, string client, int port)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using var browser = new ScriptedBrowser();
        var results = Directory.CreateTempSubdirectory("conformance-").FullName;

        try
        {
            await using var suite = await NodeClients.StartOnNewNodeAsync(
                NodeClients.Conformance,
                limit.Token,
                ["authorization", "--url", server.Issuer, "--client-id", client, "--resource", DevServer.Resource, "--port", $"{port}", "--output-dir", results]);

            await foreach (var line in suite.Output.ReadAllAsync(limit.Token))
            {
                if (line.StartsWith($"{server.Issuer}authorize?", StringComparison.Ordinal))
                {
                    await browser.FollowAsync(await browser.VisitAsync(new Uri(line.Trim()), limit.Token), limit.Token);
                }
            }

            var (status, _, _) = await suite.EndAsync(limit.Token);
            Assert.True(status == 0, suite.Log);

            return [.. Directory.EnumerateFiles(results, "checks.json", SearchOption.AllDirectories).SelectMany(file => JsonElement.Parse(File.ReadAllText(file)).EnumerateArray())];
        }
        finally
        {
            Directory.Delete(results, recursive: true);
        }
    }
}
