using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>Resources, prompts, completions and subscriptions, as the official C# client uses them, in the protocol's current form and in the one before.</summary>
public sealed class ResourcesClientTests(Server server)
{
    private const string All = "projects:read projects:write files:read files:write";

    [Theory]
    [InlineData("2026-07-28")]
    [InlineData("2025-11-25")]
    public async Task The_csharp_client_lists_reads_completes_and_prompts(string version)
    {
        await using var client = await ConnectAsync(version);
        Assert.Equal(version, client.NegotiatedProtocolVersion);

        var resources = await client.ListResourcesAsync();
        var welcome = Assert.Single(resources, resource => resource.Uri == "project://welcome");
        var overview = Assert.IsType<TextResourceContents>(Assert.Single((await welcome.ReadAsync()).Contents));
        Assert.Contains("readme.md", overview.Text, StringComparison.Ordinal);

        var templates = await client.ListResourceTemplatesAsync();
        var file = Assert.Single(templates, template => template.UriTemplate == ProjectUri.OfFile);
        var read = await file.ReadAsync(new Dictionary<string, object?> { ["project"] = "welcome", ["path"] = "shopping-list.txt" });
        Assert.Equal("bread\nbutter\napples\ntea\n", Assert.IsType<TextResourceContents>(Assert.Single(read.Contents)).Text);

        var missing = await Assert.ThrowsAsync<McpProtocolException>(async () => await client.ReadResourceAsync("project://welcome/nothing.txt"));
        Assert.Equal(McpErrorCode.InvalidParams, missing.ErrorCode);

        var projects = await client.CompleteAsync(new PromptReference { Name = "summarize_project" }, "project", "welc");
        Assert.Equal(["welcome"], projects.Completion.Values);

        var prompts = await client.ListPromptsAsync();
        var prompt = await Assert.Single(prompts, prompt => prompt.Name == "summarize_project").GetAsync(new Dictionary<string, object?> { ["project"] = "welcome" });
        Assert.IsType<EmbeddedResourceBlock>(prompt.Messages[1].Content);
    }

    [Fact]
    public async Task The_csharp_client_hears_of_a_change_while_it_goes_on_working()
    {
        await using var client = await ConnectAsync("2026-07-28");
        Assert.True(client.ServerCapabilities.Resources!.Subscribe);
        Assert.Null(client.ServerCapabilities.Resources.ListChanged);
        var made = await client.CallToolAsync("create_project", new Dictionary<string, object?> { ["title"] = "Heard of" });
        var uri = $"project://{made.StructuredContent!.Value.GetProperty("slug").GetString()}/notes.md";
        var heard = Channel.CreateUnbounded<JsonNode>();
        await using var acknowledgements = client.RegisterNotificationHandler(NotificationMethods.SubscriptionsAcknowledgedNotification, (message, _) => heard.Writer.WriteAsync(message.Params!, default));
        await using var updates = client.RegisterNotificationHandler(NotificationMethods.ResourceUpdatedNotification, (message, _) => heard.Writer.WriteAsync(message.Params!, default));
        using var end = new CancellationTokenSource();

        var stream = client.SendRequestAsync(
            new JsonRpcRequest
            {
                Method = RequestMethods.SubscriptionsListen,
                Params = JsonSerializer.SerializeToNode(new { notifications = new { resourceSubscriptions = new[] { uri } } }),
            },
            end.Token);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.Equal(uri, (await heard.Reader.ReadAsync(limit.Token))["notifications"]!["resourceSubscriptions"]![0]!.GetValue<string>());
        await client.CallToolAsync("write_file", new Dictionary<string, object?> { ["project"] = new Uri(uri).Host, ["path"] = "notes.md", ["content"] = "new" });

        Assert.Equal(uri, (await heard.Reader.ReadAsync(limit.Token))["uri"]!.GetValue<string>());
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream);
    }

    [Fact]
    public async Task An_older_client_is_not_told_of_subscriptions_and_gets_none()
    {
        await using var client = await ConnectAsync("2025-11-25");

        Assert.Null(client.ServerCapabilities.Resources!.Subscribe);
        Assert.Equal(McpErrorCode.MethodNotFound, (await Assert.ThrowsAsync<McpProtocolException>(() => client.SubscribeToResourceAsync("project://welcome"))).ErrorCode);
    }

    private async Task<McpClient> ConnectAsync(string version)
    {
        var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(server.Resource),
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {await server.Tokens.OfAsync("alice", All)}" },
        });
        return await McpClient.CreateAsync(transport, new McpClientOptions { ProtocolVersion = version });
    }
}
