using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>Projects, their members, and what each role may do.</summary>
public sealed class ProjectToolsTests(Server server)
{
    private const string AllScopes = "projects:read projects:write projects:share files:read files:write";

    [Fact]
    public async Task A_project_is_renamed_archived_and_restored_by_its_owner()
    {
        var (alice, _, project) = await MakeAsync();

        Assert.Equal("New name", (await server.CallAsync(alice, "update_project", new { project, title = "New name" })).Structured.GetProperty("title").GetString());
        Assert.True((await server.CallAsync(alice, "archive_project", new { project })).Structured.GetProperty("archived").GetBoolean());
        Assert.DoesNotContain(project, (await server.CallAsync(alice, "list_projects", new { })).Text, StringComparison.Ordinal);
        Assert.Contains(project, (await server.CallAsync(alice, "list_projects", new { archived = true })).Text, StringComparison.Ordinal);
        Assert.Equal("kept", (await server.CallAsync(alice, "read_text_file", new { project, path = "a.txt" })).Content);
        Assert.Equal(
            $"'{project}' is archived: its files can be read and not changed. An owner brings it back with restore_project.",
            (await server.CallAsync(alice, "write_file", new { project, path = "b.txt", content = "x" })).Failure);
        Assert.False((await server.CallAsync(alice, "restore_project", new { project })).Structured.GetProperty("archived").GetBoolean());
        Assert.False((await server.CallAsync(alice, "write_file", new { project, path = "b.txt", content = "x" })).IsError);
    }

    [Fact]
    public async Task A_member_is_made_changed_and_removed_and_each_counts_at_once()
    {
        var (alice, bob, project) = await MakeAsync();

        await Set(alice, project, Tokens.Bob, "reader", "Bob");
        Assert.Equal("kept", (await server.CallAsync(bob, "read_text_file", new { project, path = "a.txt" })).Content);
        Assert.Equal($"This takes the role editor in '{project}'; yours is reader.", (await server.CallAsync(bob, "write_file", new { project, path = "b.txt", content = "x" })).Failure);
        await Set(alice, project, Tokens.Bob, "editor");
        Assert.False((await server.CallAsync(bob, "write_file", new { project, path = "b.txt", content = "x" })).IsError);
        var members = (await server.CallAsync(bob, "list_members", new { project })).Structured.GetProperty("members");
        Assert.Equal(
            [(Tokens.Alice, "owner", false), (Tokens.Bob, "editor", true)],
            members.EnumerateArray().Select(member => (member.GetProperty("user").GetString(), member.GetProperty("role").GetString(), member.GetProperty("you").GetBoolean())));
        Assert.Equal("Bob", members[1].GetProperty("name").GetString());

        await server.CallAsync(alice, "remove_member", new { project, user = Tokens.Bob });

        Assert.Equal($"You have no project '{project}'. list_projects shows the ones you have.", (await server.CallAsync(bob, "read_text_file", new { project, path = "a.txt" })).Failure);
    }

    [Theory]
    [InlineData("update_project")]
    [InlineData("archive_project")]
    [InlineData("restore_project")]
    [InlineData("set_member")]
    [InlineData("remove_member")]
    public async Task Only_an_owner_changes_a_project_and_an_editor_is_told_so(string tool)
    {
        var (alice, bob, project) = await MakeAsync();
        await Set(alice, project, Tokens.Bob, "editor");
        var arguments = new Dictionary<string, object> { ["project"] = project };
        foreach (var (name, value) in tool switch
        {
            "update_project" => [("title", "x")],
            "set_member" => [("user", "somebody"), ("role", "reader")],
            "remove_member" => (IEnumerable<(string, string)>)[("user", Tokens.Alice)],
            _ => [],
        })
        {
            arguments[name] = value;
        }

        Assert.Equal($"This takes the role owner in '{project}'; yours is editor.", (await server.ConfirmAsync(bob, tool, arguments)).Failure);
    }

    [Fact]
    public async Task The_last_owner_cannot_leave_or_be_demoted_and_anybody_else_can_leave()
    {
        const string said = "The project would have no owner. Make somebody else an owner first.";
        var (alice, bob, project) = await MakeAsync();

        Assert.Equal(said, (await server.CallAsync(alice, "remove_member", new { project, user = Tokens.Alice })).Failure);
        Assert.Equal(said, (await Set(alice, project, Tokens.Alice, "reader")).Failure);
        await Set(alice, project, Tokens.Bob, "owner");
        Assert.False((await server.CallAsync(alice, "remove_member", new { project, user = Tokens.Alice })).IsError);
        Assert.Equal(said, (await server.CallAsync(bob, "remove_member", new { project, user = Tokens.Bob })).Failure);
        await Set(bob, project, Tokens.Alice, "reader");
        Assert.False((await server.CallAsync(alice, "remove_member", new { project, user = Tokens.Alice })).IsError);
    }

    [Fact]
    public async Task Two_owners_who_leave_at_once_leave_one_behind()
    {
        for (var round = 0; round < 5; round++)
        {
            var (alice, bob, project) = await MakeAsync();
            await Set(alice, project, Tokens.Bob, "owner");

            var answers = await Task.WhenAll(
                server.CallAsync(alice, "remove_member", new { project, user = Tokens.Alice }), server.CallAsync(bob, "remove_member", new { project, user = Tokens.Bob }));

            Assert.Single(answers, answer => answer.IsError);
        }
    }

    [Fact]
    public async Task Nobody_owns_more_projects_than_he_may()
    {
        await using var own = await Server.StartAsync(settings: ("Files:ProjectsPerOwner", "3"));
        var alice = await own.Tokens.OfAsync("alice", AllScopes);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => own.CallAsync(alice, "create_project", new { title = "x" })));

        // welcome is one of them.
        Assert.Equal(2, answers.Count(answer => !answer.IsError));
        Assert.Equal(3, Directory.GetDirectories(Path.Combine(own.Storage, "projects")).Length);
    }

    [Theory]
    [InlineData("two\nlines", null)]
    [InlineData("\u202eevil", null)]
    [InlineData("\U000E0041", null)]
    [InlineData("somebody", "a\u200bb")]
    public async Task A_person_is_named_in_one_readable_line(string user, string? name)
    {
        var (alice, _, project) = await MakeAsync();

        Assert.EndsWith("must have letters, and no control characters.", (await Set(alice, project, user, "reader", name)).Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_user_is_asked_who_gets_which_role_and_nothing_happens_before_a_yes_or_when_the_role_has_changed_since()
    {
        var (alice, bob, project) = await MakeAsync();
        var reader = new { project, user = Tokens.Bob, role = "reader", name = "Bob" };
        var owner = new { project, user = Tokens.Bob, role = "owner" };

        Assert.Equal($"Give the person with the id “{Tokens.Bob}”, called “Bob”, access to the project “Shared”, as “reader”.", (await server.SendAsync(alice, Rounds.First(reader, "set_member"))).Sentence());
        Assert.True((await server.CallAsync(bob, "get_project", new { project })).IsError);
        await server.ConfirmAsync(alice, "set_member", reader);
        var asked = await server.SendAsync(alice, Rounds.First(owner, "set_member"));
        Assert.Equal($"Make “Bob” (id “{Tokens.Bob}”) “owner” in the project “Shared”, instead of “reader”.", asked.Sentence());
        await server.CallAsync(alice, "remove_member", new { project, user = Tokens.Bob });

        Assert.Contains("has changed since", (await server.SendAsync(alice, Rounds.Second(asked.State(), arguments: owner, tool: "set_member"))).Failure, StringComparison.Ordinal);
        Assert.True((await server.CallAsync(bob, "get_project", new { project })).IsError);
    }

    private async Task<(string Alice, string Bob, string Project)> MakeAsync()
    {
        var (alice, bob) = (await server.Tokens.OfAsync("alice", AllScopes), await server.Tokens.OfAsync("bob", AllScopes));
        var project = (await server.CallAsync(alice, "create_project", new { title = "Shared" })).Structured.GetProperty("slug").GetString()!;
        await server.CallAsync(alice, "write_file", new { project, path = "a.txt", content = "kept" });
        return (alice, bob, project);
    }

    private Task<Answer> Set(string token, string project, string user, string role, string? name = null) =>
        server.ConfirmAsync(token, "set_member", name is null ? new { project, user, role } : new { project, user, role, name });
}
