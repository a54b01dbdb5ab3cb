using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

public sealed class TypescriptAssistantTests(Connection connection) : IClassFixture<Connection>
{
    [Theory]
    [InlineData("v2")]
    [InlineData("v2-older")]
    public async Task The_typescript_client_signs_in_reads_steps_up_is_asked_refreshes_and_has_to_ask_again_when_it_is_disconnected(string client)
    {
        using var browser = new ScriptedBrowser();
        await using var assistant = new TypescriptAssistant(connection.Server.Resource, browser, client);

        await Connection.SignInAsync(assistant, "files:read", "projects:read", "offline_access");
        var project = await Connection.StepUpAsync(assistant);
        await Connection.ConfirmAsync(assistant, project);
        await connection.RefreshAsync(assistant);
        await connection.DisconnectAsync(assistant);
    }
}

public sealed class FirstTypescriptAssistantTests(WideConnection connection) : IClassFixture<WideConnection>
{
    [Fact]
    public async Task The_typescript_client_of_the_first_generation_does_it_all_but_step_up_and_needs_its_scopes_at_once()
    {
        using var browser = new ScriptedBrowser();
        await using var assistant = new TypescriptAssistant(connection.Server.Resource, browser, "v1");

        await Connection.SignInAsync(assistant, "files:read", "projects:read", "projects:write", "projects:share", "offline_access");
        var project = await Connection.CreateAsync(assistant);
        await Connection.ConfirmAsync(assistant, project);

        // With a refresh token it refreshes where it should ask the person, and has the same scopes as before.
        var failed = await Assert.ThrowsAsync<CallFailedException>(() => assistant.CallAsync("write_file", new { project, path = "first.txt", content = "hello\n" }));
        Assert.Contains("403 after trying upscoping", failed.Message, StringComparison.Ordinal);
        Assert.Single(browser.Consents);

        await connection.RefreshAsync(assistant);
        await connection.DisconnectAsync(assistant);
    }
}
