using Xunit;

namespace McpFilesServer.Tests.EndToEnd.Assistants;

public sealed class CsharpAssistantTests(Connection connection) : IClassFixture<Connection>
{
    [Theory]
    [InlineData("2026-07-28")]
    [InlineData("2025-11-25")]
    public async Task The_csharp_client_signs_in_reads_steps_up_is_asked_refreshes_and_has_to_ask_again_when_it_is_disconnected(string version)
    {
        using var browser = new ScriptedBrowser();
        await using var assistant = new CsharpAssistant(connection.Server.Resource, browser, version);

        await Connection.SignInAsync(assistant, "files:read", "projects:read", "offline_access");
        var project = await Connection.StepUpAsync(assistant);
        await Connection.ConfirmAsync(assistant, project);
        await connection.RefreshAsync(assistant);
        await connection.DisconnectAsync(assistant);
    }
}
