using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

public sealed class McpRemoteAssistantTests(McpRemoteConnection connection) : IClassFixture<McpRemoteConnection>
{
    [Theory]
    [InlineData("legacy")]
    [InlineData("auto")]
    public async Task Mcp_remote_signs_in_reads_steps_up_passes_questions_on_refreshes_and_has_to_ask_again_when_it_is_disconnected(string protocol)
    {
        using var browser = new ScriptedBrowser();
        await using var assistant = await McpRemoteAssistant.StartAsync(connection.Server, browser, "--protocol", protocol);

        await Connection.SignInAsync(assistant, "files:read", "projects:read", "offline_access");
        var project = await Connection.StepUpAsync(assistant);
        await Connection.ConfirmAsync(assistant, project);
        await connection.RefreshAsync(assistant);
        await connection.DisconnectAsync(assistant);
    }
}
