using McpFilesServer.Tests.Host;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>The official C# client, which speaks 2026-07-28, with nothing but the server's URL and a person at a browser.</summary>
public sealed class SdkClientTests(Server server)
{
    [Fact]
    public async Task The_csharp_client_finds_registers_and_steps_up_by_itself_and_the_person_sees_each_scope_in_words()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var browser = new ScriptedBrowser();
        var login = new CsharpLogin(browser);
        await using var transport = new HttpClientTransport(login.Options(server.Resource));
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: limit.Token);
        Assert.Equal("2026-07-28", client.NegotiatedProtocolVersion);

        var tools = await client.ListToolsAsync(cancellationToken: limit.Token);
        Assert.Superset(new HashSet<string> { "read_text_file", "create_project", "write_file" }, tools.Select(tool => tool.Name).ToHashSet());

        var read = await CallAsync(client, "read_text_file", new { project = "welcome", path = "shopping-list.txt" }, limit.Token);
        Assert.Equal("bread\nbutter\napples\ntea\n", Assert.IsType<TextContentBlock>(read.Content[0]).Text);

        var consent = Assert.Single(browser.Consents);
        Assert.Equal((CsharpLogin.Name, "alice", login.RedirectUri.Authority, true), (consent.Client, consent.User, consent.AnswerGoesTo, consent.WarnsOfLoopback));
        Assert.Equal(["files:read", "offline_access", "projects:read"], consent.Names.Order());

        var created = await CallAsync(client, "create_project", new { title = "Made after a step-up" }, limit.Token);
        Assert.Equal(2, browser.Consents.Count);
        Assert.Equal(["files:read", "offline_access", "projects:read", "projects:write"], browser.Consents[1].Names.Order());
        Assert.Equal("Create, rename, archive and restore projects", browser.Consents[1].Scopes["projects:write"]);

        var slug = created.StructuredContent!.Value.GetProperty("slug").GetString()!;
        await CallAsync(client, "write_file", new { project = slug, path = "first.txt", content = "hello\n" }, limit.Token);
        Assert.Equal(3, browser.Consents.Count);
        Assert.Equal(["files:read", "files:write", "offline_access", "projects:read", "projects:write"], browser.Consents[2].Names.Order());
        Assert.Equal("Create, change, copy and move files, and restore them from the trash", browser.Consents[2].Scopes["files:write"]);

        var back = await CallAsync(client, "read_text_file", new { project = slug, path = "first.txt" }, limit.Token);
        Assert.Equal("hello\n", Assert.IsType<TextContentBlock>(back.Content[0]).Text);

        Assert.Equal(3, browser.Consents.Count);
        Assert.Equal(1, browser.SignIns);
        Assert.Equal(
            [
                ("read_text_file", "allow"), ("create_project", "challenge"), ("create_project", "allow"),
                ("write_file", "challenge"), ("write_file", "allow"), ("read_text_file", "allow"),
            ],
            server.DecisionsOn(login.ClientId));
    }

    [Fact]
    public async Task When_the_person_denies_the_step_up_the_call_fails_nothing_is_created_and_the_client_goes_on_with_what_it_has()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var browser = new ScriptedBrowser { Approves = consent => !consent.Scopes.ContainsKey("projects:write") };
        var login = new CsharpLogin(browser);
        await using var transport = new HttpClientTransport(login.Options(server.Resource));
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: limit.Token);

        await Assert.ThrowsAnyAsync<Exception>(() => CallAsync(client, "create_project", new { title = "Never made" }, limit.Token));

        Assert.Equal(2, browser.Consents.Count);
        Assert.Equal("access_denied", login.Answer["error"]);
        Assert.Equal(server.Provider.AbsoluteUri, login.Answer["iss"]);
        Assert.False(login.Answer.ContainsKey("code"));

        var projects = await CallAsync(client, "list_projects", new { }, limit.Token);
        Assert.DoesNotContain("Never made", projects.StructuredContent!.Value.GetRawText(), StringComparison.Ordinal);
        Assert.Equal([("create_project", "challenge"), ("list_projects", "allow")], server.DecisionsOn(login.ClientId));
    }

    private static async Task<CallToolResult> CallAsync(McpClient client, string tool, object arguments, CancellationToken cancellationToken)
    {
        var result = await client.CallToolAsync(
            tool, arguments.GetType().GetProperties().ToDictionary(property => property.Name, property => property.GetValue(arguments)), cancellationToken: cancellationToken);
        Assert.NotEqual(true, result.IsError);
        return result;
    }
}
