using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>A workspace is a memory and grants nothing: what ends it, and for whom it is none.</summary>
public sealed class WorkspaceTests(Server shared)
{
    private const string All = "projects:read projects:write projects:share files:read files:write";

    [Fact]
    public async Task A_workspace_is_forgotten_when_it_was_not_used_for_so_long_and_every_use_counts()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Workspaces:Idle", "00:10:00"));
        var workspace = await OpenAsync(server, Later(server, 0));

        clock.Advance(TimeSpan.FromMinutes(9));
        var used = await ListAsync(server, Later(server, 9), workspace);
        // Uses are written down twice a minute of real time, and before another workspace is opened.
        await OpenAsync(server, Later(server, 9));
        clock.Advance(TimeSpan.FromMinutes(9));
        var usedAgain = await ListAsync(server, Later(server, 18), workspace);
        clock.Advance(TimeSpan.FromMinutes(11));
        var late = await ListAsync(server, Later(server, 29), workspace);

        Assert.False(used.IsError);
        Assert.False(usedAgain.IsError);
        Assert.Equal(Places.NoWorkspace, late.Failure);
    }

    [Fact]
    public async Task One_more_than_a_caller_may_have_closes_the_one_that_was_used_longest_ago_and_nobody_elses()
    {
        var clock = new MovedClock();
        await using var server = await Server.StartAsync(clock.Replace, ("Workspaces:PerCaller", "2"));
        var (alice, bob) = (Later(server, 0), server.Tokens.Forge(claims => claims["sub"] = Tokens.Bob));
        var bobs = await OpenAsync(server, bob);
        var first = await OpenAsync(server, alice);
        clock.Advance(TimeSpan.FromSeconds(1));
        var second = await OpenAsync(server, alice);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False((await ListAsync(server, alice, first)).IsError);
        clock.Advance(TimeSpan.FromSeconds(1));

        var third = await OpenAsync(server, alice);

        Assert.False((await ListAsync(server, alice, first)).IsError);
        Assert.Equal(Places.NoWorkspace, (await ListAsync(server, alice, second)).Failure);
        Assert.False((await ListAsync(server, alice, third)).IsError);
        Assert.False((await ListAsync(server, bob, bobs)).IsError);
    }

    [Fact]
    [Trait("Attack", "own: SE-02, a handle with another client of the same person")]
    public async Task A_handle_is_of_no_use_to_anybody_else_nor_to_another_client_of_the_same_person()
    {
        var workspace = await OpenAsync(shared, shared.Tokens.Forge());

        Answer[] refused =
        [
            await ListAsync(shared, shared.Tokens.Forge(claims => claims["client_id"] = "another"), workspace),
            await ListAsync(shared, shared.Tokens.Forge(claims => claims["sub"] = Tokens.Bob), workspace),
            await ListAsync(shared, shared.Tokens.Forge(), workspace + "A"),
            await ListAsync(shared, shared.Tokens.Forge(), workspace.ToUpperInvariant()),
            await ListAsync(shared, shared.Tokens.Forge(), "x"),
            await shared.CallAsync(shared.Tokens.Forge(claims => claims["client_id"] = "another"), "close_workspace", new { workspace }),
        ];

        Assert.All(refused, answer => Assert.Equal(Places.NoWorkspace, answer.Failure));
        Assert.False((await ListAsync(shared, shared.Tokens.Forge(), workspace)).IsError);
    }

    [Fact]
    public async Task Whoever_loses_his_membership_loses_the_use_of_his_workspace_at_once()
    {
        var (alice, bob) = (await shared.Tokens.OfAsync("alice", All), await shared.Tokens.OfAsync("bob", All));
        var project = (await shared.CallAsync(alice, "create_project", new { title = "Left" })).Structured.GetProperty("slug").GetString()!;
        await shared.ConfirmAsync(alice, "set_member", new { project, user = Tokens.Bob, role = "editor" });
        var workspace = (await shared.CallAsync(bob, "open_workspace", new { project })).Structured.GetProperty("workspace").GetString()!;
        Assert.False((await shared.CallAsync(bob, "write_file", new { workspace, path = "a.txt", content = "a" })).IsError);

        await shared.CallAsync(alice, "remove_member", new { project, user = Tokens.Bob });

        Assert.Equal(Places.NoWorkspace, (await ListAsync(shared, bob, workspace)).Failure);
        Assert.Equal(Places.NoWorkspace, (await shared.CallAsync(bob, "write_file", new { workspace, path = "b.txt", content = "b" })).Failure);
    }

    [Fact]
    public async Task A_role_that_became_too_low_counts_in_a_workspace_as_well()
    {
        var (alice, bob) = (await shared.Tokens.OfAsync("alice", All), await shared.Tokens.OfAsync("bob", All));
        var project = (await shared.CallAsync(alice, "create_project", new { title = "Demoted" })).Structured.GetProperty("slug").GetString()!;
        await shared.ConfirmAsync(alice, "set_member", new { project, user = Tokens.Bob, role = "editor" });
        var workspace = (await shared.CallAsync(bob, "open_workspace", new { project })).Structured.GetProperty("workspace").GetString()!;

        await shared.ConfirmAsync(alice, "set_member", new { project, user = Tokens.Bob, role = "reader" });

        Assert.Equal($"This takes the role editor in '{project}'; yours is reader.", (await shared.CallAsync(bob, "write_file", new { workspace, path = "b.txt", content = "b" })).Failure);
        Assert.False((await ListAsync(shared, bob, workspace)).IsError);
    }

    [Fact]
    public async Task A_workspace_outlives_a_restart_and_ends_with_close()
    {
        await using var before = await Server.StartAsync();
        var token = await before.Tokens.OfAsync("alice", All);
        var workspace = await OpenAsync(before, token);

        await using var server = await before.RestartAsync();

        Assert.False((await ListAsync(server, token, workspace)).IsError);
        Assert.False((await server.CallAsync(token, "close_workspace", new { workspace })).IsError);
        Assert.Equal(Places.NoWorkspace, (await ListAsync(server, token, workspace)).Failure);
    }

    private static string Later(Server server, int minutes) => server.Tokens.Forge(claims =>
    {
        claims["iat"] = claims["iat"]!.GetValue<long>() + (minutes * 60);
        claims["exp"] = claims["exp"]!.GetValue<long>() + (minutes * 60);
    });

    private static async Task<string> OpenAsync(Server server, string token) =>
        (await server.CallAsync(token, "open_workspace", new { project = "welcome" })).Structured.GetProperty("workspace").GetString()!;

    private static Task<Answer> ListAsync(Server server, string token, string workspace) => server.CallAsync(token, "list_directory", new { workspace });
}
