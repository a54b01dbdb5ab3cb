using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Auth;

public sealed class SurfaceTests(Server server)
{
    [Fact]
    public void A_tool_whose_scope_attribute_is_removed_stops_the_start_and_is_named()
    {
        var tools = server.Services.GetServices<McpServerTool>().ToList();
        Assert.NotEmpty(tools);

        foreach (var tool in tools)
        {
            IEnumerable<McpServerTool> withoutScope = [.. tools.Where(other => other != tool), new Bare(tool)];

            var refused = Assert.Throws<SettingsException>(() => new Surface(withoutScope, [], [], new AuthOptions()));

            Assert.Equal($"'{tool.ProtocolTool.Name}' (tools/call) declares no scope. Put [RequiresScope(Scopes.…)] on it: nothing is served without.", refused.Message);
        }
    }

    [Fact]
    public void A_prompt_or_a_resource_whose_scope_attribute_is_removed_stops_the_start_and_is_named()
    {
        var prompts = server.Services.GetServices<McpServerPrompt>().ToList();
        var resources = server.Services.GetServices<McpServerResource>().ToList();
        Assert.Equal((3, 2), (prompts.Count, resources.Count));

        foreach (var prompt in prompts)
        {
            var refused = Assert.Throws<SettingsException>(() => new Surface([], [new BarePrompt(prompt)], resources, new AuthOptions()));
            Assert.StartsWith($"'{prompt.ProtocolPrompt.Name}' (prompts/get) declares no scope.", refused.Message, StringComparison.Ordinal);
        }

        foreach (var resource in resources)
        {
            var refused = Assert.Throws<SettingsException>(() => new Surface([], prompts, [new BareResource(resource)], new AuthOptions()));
            Assert.StartsWith($"'{resource.ProtocolResourceTemplate.UriTemplate}' (resources/read) declares no scope.", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_handler_of_the_protocol_that_declares_nothing_stops_the_start_and_is_named()
    {
        foreach (var (method, set) in ((string, Action<McpServerHandlers>)[])
        [
            ("resources/list", handlers => handlers.ListResourcesHandler = (_, _) => default),
            ("subscriptions/listen", handlers => handlers.SubscriptionsListenHandler = (_, _) => default),
            ("resources/subscribe", handlers => handlers.SubscribeToResourcesHandler = (_, _) => default),
            ("resources/unsubscribe", handlers => handlers.UnsubscribeFromResourcesHandler = (_, _) => default),
#pragma warning disable MCP9005 // "deprecated": older clients know it
            ("logging/setLevel", handlers => handlers.SetLoggingLevelHandler = (_, _) => default),
#pragma warning restore MCP9005
        ])
        {
            var options = new McpServerOptions();
            set(options.Handlers);

            var refused = Assert.Throws<SettingsException>(() => new Surface([], [], [], new AuthOptions(), Options.Create(options)));

            Assert.Contains($"({method}) declares no scope.", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_completed_and_listed_is_part_of_the_policy()
    {
        var prompts = server.Services.GetServices<McpServerPrompt>().ToList();
        var version = new Surface([], prompts, [], new AuthOptions()).PolicyVersion;

        Assert.NotEqual(version, new Surface([], [.. prompts.Select(prompt => new Incomplete(prompt))], [], new AuthOptions()).PolicyVersion);
    }

    [Fact]
    public async Task The_server_itself_does_not_start_with_a_tool_that_declares_nothing()
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => Server.StartAsync(services =>
            services.AddSingleton(McpServerTool.Create(() => "hello", new McpServerToolCreateOptions { Name = "undeclared" }))));

        // What an operator reads is the one line of StartFailure; what arrives here is that the host never came up.
        Assert.NotNull(refused);
    }

    [Fact]
    public void Every_tool_states_title_description_and_all_four_hints()
    {
        Assert.All(server.Services.GetServices<McpServerTool>().Select(tool => tool.ProtocolTool), tool =>
        {
            Assert.NotNull(tool.Description);
            Assert.NotNull(tool.Annotations!.Title);
            Assert.NotNull(tool.Annotations.ReadOnlyHint);
            Assert.NotNull(tool.Annotations.DestructiveHint);
            Assert.NotNull(tool.Annotations.IdempotentHint);
            Assert.NotNull(tool.Annotations.OpenWorldHint);
            Assert.False(tool.InputSchema.GetProperty("additionalProperties").GetBoolean());
        });
    }

    /// <summary>The same tool, with its attributes taken away.</summary>
    private sealed class Bare(McpServerTool inner) : DelegatingMcpServerTool(inner)
    {
        public override IReadOnlyList<object> Metadata => [.. base.Metadata.Where(item => item is not RequiresScopeAttribute)];
    }

    private sealed class BarePrompt(McpServerPrompt inner) : DelegatingMcpServerPrompt(inner)
    {
        public override IReadOnlyList<object> Metadata => [.. base.Metadata.Where(item => item is not RequiresScopeAttribute)];
    }

    private sealed class Incomplete(McpServerPrompt inner) : DelegatingMcpServerPrompt(inner)
    {
        public override IReadOnlyList<object> Metadata => [.. base.Metadata.Where(item => item is not CompletesAttribute)];
    }

    private sealed class BareResource(McpServerResource inner) : DelegatingMcpServerResource(inner)
    {
        public override IReadOnlyList<object> Metadata => [.. base.Metadata.Where(item => item is not RequiresScopeAttribute)];
    }
}
