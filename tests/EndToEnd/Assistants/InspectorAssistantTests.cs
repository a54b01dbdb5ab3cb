using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

public sealed class InspectorAssistantTests(WideConnection connection) : IClassFixture<WideConnection>
{
    [Theory]
    [InlineData("legacy")]
    [InlineData("modern")]
    public async Task The_inspectors_command_line_signs_in_reads_refreshes_and_has_to_ask_again_but_does_not_step_up_and_cannot_be_asked(string era)
    {
        using var browser = new ScriptedBrowser();
        await using var assistant = new InspectorAssistant(connection.Server.Resource, browser, era);

        await Connection.SignInAsync(assistant, "files:read", "projects:read", "projects:write", "projects:share", "offline_access");
        var project = await Connection.CreateAsync(assistant);

        var notAsked = await Assert.ThrowsAsync<CallFailedException>(() => assistant.CallAsync("set_member", new { project, user = Host.Tokens.Bob, role = "reader" }));
        Assert.Contains("the client has not declared that it can (elicitation)", notAsked.Message, StringComparison.Ordinal);

        // As the TypeScript client of the first generation: it refreshes where it should ask the person.
        var failed = await Assert.ThrowsAsync<CallFailedException>(() => assistant.CallAsync("write_file", new { project, path = "first.txt", content = "hello\n" }));
        Assert.Contains("AUTHORIZED without authorization code", failed.Message, StringComparison.Ordinal);
        Assert.Single(browser.Consents);

        await connection.RefreshAsync(assistant);
        await connection.DisconnectAsync(assistant);
    }
}
