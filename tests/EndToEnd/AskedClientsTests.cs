using System.Text.Json;
using McpFilesServer.Tests.Host;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>Real clients are asked, and say yes, no, and nothing: the official ones of C# and TypeScript, on both protocol generations.</summary>
public sealed class AskedClientsTests(HybridShredding shredding) : IClassFixture<HybridShredding>
{
    private const string Sentence = "Shred 1 of “old.txt” in the project “Welcome” for good. This cannot be undone.";

    public static TheoryData<string, bool, string> Answers { get; } = new()
    {
        { """{"action":"accept","content":{"confirm":true}}""", true, "shredded old.txt 1 " },
        { """{"action":"accept","content":{"confirm":false}}""", false, "The user was asked and said no. Nothing was done." },
        { """{"action":"decline"}""", false, "The user was asked and said no. Nothing was done." },
        { """{"action":"cancel"}""", false, "The user was asked and gave no answer. Nothing was done." },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public Task The_csharp_client_is_asked(string answer, bool done, string text) => CsharpAsync("2026-07-28", answer, done, text);

    [Theory]
    [MemberData(nameof(Answers))]
    public Task The_csharp_client_of_an_older_version_is_asked_in_its_session(string answer, bool done, string text) => CsharpAsync("2025-11-25", answer, done, text);

    [Theory]
    [MemberData(nameof(Answers))]
    public Task The_typescript_client_is_asked(string answer, bool done, string text) => TypescriptAsync("v2", answer, done, text);

    [Theory]
    [MemberData(nameof(Answers))]
    public Task The_typescript_client_that_speaks_an_older_version_is_asked_in_its_session(string answer, bool done, string text) => TypescriptAsync("v2-older", answer, done, text);

    [Theory]
    [MemberData(nameof(Answers))]
    public Task The_typescript_client_of_the_first_generation_is_asked_in_its_session(string answer, bool done, string text) => TypescriptAsync("v1", answer, done, text);

    [Theory]
    [InlineData("v2")]
    [InlineData("v2-older")]
    [InlineData("v1")]
    public async Task A_typescript_client_that_cannot_be_asked_fails_and_nothing_is_done(string client)
    {
        var runs = shredding.Shreds.Runs;

        var outcome = await RunAsync(client, "none");

        Assert.False(outcome.TryGetProperty("isError", out _), outcome.GetRawText());
        Assert.Equal(runs, shredding.Shreds.Runs);
    }

    private async Task CsharpAsync(string version, string answer, bool done, string text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var (runs, asked) = (shredding.Shreds.Runs, new List<string>());
        await using var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(shredding.Server.Resource),
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {shredding.Token()}" },
        });
        await using var client = await McpClient.CreateAsync(
            transport,
            new McpClientOptions
            {
                ProtocolVersion = version,
                Capabilities = new ClientCapabilities { Elicitation = new ElicitationCapability() },
                Handlers = new McpClientHandlers
                {
                    ElicitationHandler = (request, _) =>
                    {
                        asked.Add(request!.Message);
                        return ValueTask.FromResult(JsonSerializer.Deserialize<ElicitResult>(answer, McpJsonUtilities.DefaultOptions)!);
                    },
                },
            },
            cancellationToken: limit.Token);
        Assert.Equal(version, client.NegotiatedProtocolVersion);

        var result = await client.CallToolAsync("shred", new Dictionary<string, object?> { ["project"] = "welcome", ["what"] = "old.txt" }, cancellationToken: limit.Token);

        Assert.Equal([Sentence], asked);
        Assert.Equal((text, !done), (Assert.IsType<TextContentBlock>(result.Content[0]).Text, result.IsError is true));
        Assert.Equal(runs + (done ? 1 : 0), shredding.Shreds.Runs);
    }

    private async Task TypescriptAsync(string client, string answer, bool done, string text)
    {
        var runs = shredding.Shreds.Runs;

        var outcome = await RunAsync(client, answer);

        Assert.Equal(Sentence, Assert.Single(outcome.GetProperty("asked").EnumerateArray()).GetString());
        Assert.True(outcome.TryGetProperty("isError", out var failed), outcome.GetRawText());
        Assert.Equal((text, !done), (outcome.GetProperty("text").GetString(), failed.GetBoolean()));
        Assert.Equal(runs + (done ? 1 : 0), shredding.Shreds.Runs);
    }

    private async Task<JsonElement> RunAsync(string client, string answer)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var (status, output, errors) = await NodeClients.RunAsync(
            NodeClients.Asking, limit.Token, shredding.Server.Resource, shredding.Token(), client, "shred", JsonSerializer.Serialize(Rounds.Arguments), answer);
        Assert.True(status == 0, errors);
        return JsonElement.Parse(output);
    }
}
