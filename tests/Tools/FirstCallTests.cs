using System.Net;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class FirstCallTests(Server server)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_text_of_a_file_is_the_first_block_and_no_structured_part_hides_it(bool legacy)
    {
        var token = await server.Tokens.OfAsync("alice", "files:read projects:read");

        var answer = await server.CallAsync(token, "read_text_file", new { project = "welcome", path = "shopping-list.txt" }, legacy);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("bread\nbutter\napples\ntea\n", answer.Content);
        Assert.False(answer.Result.TryGetProperty("structuredContent", out _));
        using var given = JsonDocument.Parse(answer.Result.GetProperty("content")[1].GetProperty("text").GetString()!);
        Assert.Equal((24, 1, 4, false), (
            given.RootElement.GetProperty("size").GetInt32(), given.RootElement.GetProperty("first_line").GetInt32(),
            given.RootElement.GetProperty("last_line").GetInt32(), given.RootElement.GetProperty("cut").GetBoolean()));
    }

    [Theory]
    [InlineData("head", 2, "bread\nbutter\n")]
    [InlineData("tail", 2, "apples\ntea\n")]
    [InlineData("tail", 100, "bread\nbutter\napples\ntea\n")]
    [InlineData("start_line", 3, "apples\ntea\n")]
    [InlineData("end_line", 1, "bread\n")]
    [InlineData("start_line", 9, "")]
    public async Task A_part_of_a_file_can_be_asked_for(string argument, int value, string expected)
    {
        var token = await server.Tokens.OfAsync("alice", "files:read");

        var answer = await server.CallAsync(token, "read_text_file", new Dictionary<string, object> { ["project"] = "welcome", ["path"] = "shopping-list.txt", [argument] = value });

        Assert.Equal(expected, answer.Content);
    }

    [Fact]
    public async Task A_project_can_be_created_written_to_listed_and_read()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write files:read files:write");

        var slug = (await server.CallAsync(token, "create_project", new { title = "Trip to Rome!" })).Structured.GetProperty("slug").GetString()!;
        Assert.Matches("^trip-to-rome-[a-z0-9]{8}$", slug);
        var written = (await server.CallAsync(token, "write_file", new { project = slug, path = "plan.md", content = "day 1" })).Structured;
        var listed = (await server.CallAsync(token, "list_directory", new { project = slug })).Structured.GetProperty("entries")[0];
        Assert.Equal(written.GetProperty("etag").GetString(), listed.GetProperty("etag").GetString());
        Assert.Equal(("plan.md", "file", 5), (listed.GetProperty("path").GetString(), listed.GetProperty("type").GetString(), listed.GetProperty("size").GetInt32()));

        Assert.Contains("There is already", (await server.CallAsync(token, "write_file", new { project = slug, path = "plan.md", content = "no" })).Failure, StringComparison.Ordinal);
        Assert.Contains("has changed", (await server.CallAsync(token, "write_file", new { project = slug, path = "plan.md", content = "no", if_match = "x" })).Failure, StringComparison.Ordinal);
        await server.CallAsync(token, "write_file", new { project = slug, path = "plan.md", content = "day 2", if_match = written.GetProperty("etag").GetString() });
        Assert.Equal("day 2", (await server.CallAsync(token, "read_text_file", new { project = slug, path = "plan.md" })).Content);
        Assert.Equal("owner", (await server.CallAsync(token, "get_project", new { project = slug })).Structured.GetProperty("role").GetString());
    }

    [Fact]
    public async Task To_bob_a_project_of_alice_is_one_that_never_existed()
    {
        const string Scopes = "projects:read projects:write files:read files:write";
        var alice = await server.Tokens.OfAsync("alice", Scopes);
        var bob = await server.Tokens.OfAsync("bob", Scopes);
        var slug = (await server.CallAsync(alice, "create_project", new { title = "Secret" })).Structured.GetProperty("slug").GetString()!;
        await server.CallAsync(alice, "write_file", new { project = slug, path = "a.txt", content = "secret" });
        var missing = "secret-" + new string('z', 8);

        foreach (var (tool, arguments) in (IEnumerable<(string, Func<string, object>)>)
        [
            ("get_project", project => new { project }),
            ("list_directory", project => new { project }),
            ("read_text_file", project => new { project, path = "a.txt" }),
            ("write_file", project => new { project, path = "b.txt", content = "x" }),
        ])
        {
            var foreign = await server.CallAsync(bob, tool, arguments(slug));
            var absent = await server.CallAsync(bob, tool, arguments(missing));

            Assert.True(foreign.IsError);
            Assert.Equal(absent.Text, foreign.Text.Replace(slug, missing, StringComparison.Ordinal));
        }

        Assert.DoesNotContain(slug, (await server.CallAsync(bob, "list_projects", new { })).Text, StringComparison.Ordinal);
        Assert.Contains(slug, (await server.CallAsync(alice, "list_projects", new { })).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("   ")]
    [InlineData("a\u0000b")]
    [InlineData("\u202eevil")]
    [InlineData("two\nlines")]
    public async Task A_title_is_one_line_of_text(string title)
    {
        var answer = await server.CallAsync(await server.Tokens.OfAsync("alice", "projects:write"), "create_project", new { title });

        Assert.Equal("The title must have letters, and no control characters.", answer.Failure);
    }

    [Fact]
    public async Task What_is_written_is_for_the_servers_own_eyes_and_a_lost_folder_is_not_ready()
    {
        await using var own = await Server.StartAsync();
        var token = await own.Tokens.OfAsync("alice", "projects:read projects:write");
        await own.CallAsync(token, "list_projects", new { });
        Assert.Equal(HttpStatusCode.OK, (await own.Http.GetAsync("/health/ready")).StatusCode);
        Assert.All(
            OperatingSystem.IsWindows() ? [] : Directory.GetFiles(own.Storage, "*.db*"),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file)));

        Directory.Move(Path.Combine(own.Storage, "projects"), Path.Combine(own.Storage, "elsewhere"));

        // It is looked at once a second.
        await Task.Delay(1100, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await own.Http.GetAsync("/health/ready")).StatusCode);
        Assert.Equal("The server's storage is not available. Tell its operator.", (await own.CallAsync(token, "create_project", new { title = "x" })).Failure);
        Assert.DoesNotContain("\"x-", (await own.CallAsync(token, "list_projects", new { })).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_who_writes_is_told_which_role_it_takes()
    {
        var bob = await server.Tokens.OfAsync("bob", "files:write");

        var answer = await server.CallAsync(bob, "write_file", new { project = "welcome", path = "graffiti.txt", content = "bob was here" });

        Assert.Equal("This takes the role editor in 'welcome'; yours is reader.", answer.Failure);
        Assert.False(File.Exists(Path.Combine(server.Storage, "projects", "welcome", "graffiti.txt")));
    }
}
