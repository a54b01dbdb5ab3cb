using System.Net;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Commands;

/// <summary>An operator revokes from another terminal, and the running server knows at once.</summary>
public sealed class RevokeTests
{
    [Theory]
    [InlineData("person", "--user", Tokens.Alice)]
    [InlineData("person", "--user", "alice")]
    [InlineData("client", "--client=c1")]
    [InlineData("client", "--user", Tokens.Alice, "--client", "c1")]
    [InlineData("token", "--token-id", "the-id")]
    [InlineData("token", "--token-id", "HASH")]
    [InlineData("session", "--session", "s1")]
    public async Task A_revocation_counts_at_once_and_is_recorded_and_nobody_else_notices(string what, params string[] options)
    {
        await using var server = await Server.StartAsync();
        string Token(string sub, string client, string sid, string jti) =>
            server.Tokens.Forge(claims => (claims["sub"], claims["client_id"], claims["sid"], claims["jti"]) = (sub, client, sid, jti));
        var token = Token(Tokens.Alice, "c1", "s1", "the-id");
        string[] others = [Token(Tokens.Bob, "c2", "s2", "2"), .. what == "person" ? (string[])[] : [Token(Tokens.Alice, "c2", "s2", "3")]];
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(token, Message.List())).Status);

        var (exitCode, output, error) = await RunAsync(server, [.. options.Select(option => option == "HASH" ? Caller.HashOf("the-id") : option)]);

        Assert.Equal((0, ""), (exitCode, error));
        var line = Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("Revoked ", line, StringComparison.Ordinal);
        Assert.Contains($"the {what}", line, StringComparison.Ordinal);
        Assert.Contains(server.Provider.AbsoluteUri, line, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(token, Message.List())).Status);
        foreach (var other in others)
        {
            Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(other, Message.List())).Status);
        }

        var row = Assert.Single(server.AuditRows(), row => row.GetProperty("kind").GetString() == "revocation");
        Assert.Equal("allow", row.GetProperty("decision").GetString());
        Assert.StartsWith("operator_revoked_", row.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.StartsWith($"by {Environment.UserName} ", row.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--user")]
    [InlineData("--user", "")]
    [InlineData("--user=")]
    [InlineData("--user", "--client")]
    [InlineData("--user", "--client", "c1")]
    [InlineData("--usr", "alice")]
    [InlineData("-u", "alice")]
    [InlineData("alice")]
    [InlineData("--user", "alice", "bob")]
    [InlineData("--user", "alice", "--user", "bob")]
    [InlineData("--issuer", "https://idp.example.com/")]
    [InlineData("--token-id", "x", "--user", "alice")]
    [InlineData("--session", "x", "--client", "c1")]
    public async Task What_is_not_understood_revokes_nothing_and_is_told_how(params string[] options)
    {
        var storage = Path.Combine(Path.GetTempPath(), $"mcp-files-revoke-{Guid.NewGuid():n}");

        var (exitCode, output, error) = await ServerProcess.RunAsync(["revoke", .. options], ("Storage__Directory", storage));

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("usage: dotnet run -- revoke --user SUBJECT", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(storage));
    }

    [Fact]
    public async Task Where_no_server_has_run_nothing_is_revoked()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-files-revoke-");

        var (exitCode, output, error) = await ServerProcess.RunAsync(
            ["revoke", "--user", "alice", "--Storage:Directory", storage.FullName], ("Dev__Url", $"http://localhost:{Server.FreePort()}"));

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith($"No server has run with Storage:Directory '{storage.FullName}' yet, so nothing was revoked.", error, StringComparison.Ordinal);
        Assert.Empty(storage.EnumerateFiles("*.db"));
        storage.Delete(recursive: true);
    }

    [Fact]
    public async Task With_several_issuers_one_is_named()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var server = await Server.StartAsync(settings: ("Auth:Issuers:1:Authority", issuer.Authority));
        var (own, other) = (server.Tokens.Forge(), issuer.Token(server.Resource, claims => claims["sub"] = Tokens.Alice));
        (string, string) second = ("Auth__Issuers__1__Authority", issuer.Authority);

        foreach (var options in (string[][])[["--user", Tokens.Alice], ["--user", Tokens.Alice, "--issuer", issuer.Authority + "/"]])
        {
            var (exitCode, _, error) = await RunAsync(server, options, second);
            Assert.Equal(1, exitCode);
            Assert.Equal($"Nothing was revoked. Name the issuer of the tokens with --issuer: {server.Provider.AbsoluteUri}, {issuer.Authority}\n", error);
        }

        Assert.Equal(0, (await RunAsync(server, ["--user", Tokens.Alice, "--issuer", issuer.Authority], second)).ExitCode);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(own, Message.List())).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(other, Message.List())).Status);
    }

    private static Task<(int ExitCode, string Output, string Error)> RunAsync(Server server, string[] options, params (string, string)[] settings) => ServerProcess.RunAsync(
        ["revoke", .. options],
        [("Storage__Directory", server.Storage), ("Dev__Url", server.Provider.AbsoluteUri.TrimEnd('/')), ("Mcp__Resource", server.Resource), .. settings]);
}
