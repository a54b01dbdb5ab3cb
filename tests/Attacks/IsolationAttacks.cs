using System.Collections.Concurrent;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>What alice has does not exist for bob: through every tool that is served, found by listing them, with every name and handle of hers.</summary>
public sealed class IsolationAttacks(Server server)
{
    private const string All = "projects:read projects:write projects:share files:read files:write files:delete drive:read drive:write";

    [Fact]
    [Trait("Attack", "D04")]
    [Trait("Attack", "F20")]
    public async Task Whatever_alice_has_is_to_bob_what_never_was()
    {
        var (alice, bob) = (await server.Tokens.OfAsync("alice", All), await server.Tokens.OfAsync("bob", All));
        var hers = await HersAsync(alice);
        var never = hers.Keys.ToDictionary(name => name, name => Never(hers[name]));
        var tools = (await server.SendAsync(bob, Message.Of("tools/list", []))).Result.GetProperty("tools").EnumerateArray().ToList();
        var tried = 0;
        foreach (var tool in tools.Where(tool => tool.GetProperty("name").GetString() is not ("find_people" or "create_project" or "list_projects")))
        {
            var name = tool.GetProperty("name").GetString()!;
            var schema = tool.GetProperty("inputSchema").GetProperty("properties");
            foreach (var place in ((string[])["project", "workspace"]).Where(place => schema.TryGetProperty(place, out _)))
            {
                var foreign = await CallAsync(bob, name, Arguments(schema, place, hers));
                var absent = await CallAsync(bob, name, Arguments(schema, place, never));

                Assert.True(foreign == absent.Replace(never["project"], hers["project"], StringComparison.Ordinal), $"{name} by {place}:\n{foreign}\n{absent}");
                Assert.DoesNotContain("MARKER", foreign, StringComparison.Ordinal);
                tried++;
            }
        }

        Assert.True(tried > 35, $"Only {tried} ways were tried.");

        // Bob's own project with a thing of alice's in the other argument.
        var own = (await server.CallAsync(bob, "create_project", new { title = "Bob's" })).Structured.GetProperty("slug").GetString()!;
        foreach (var tool in (string[])["restore_file", "purge_trash"])
        {
            Assert.Equal(
                await CallAsync(bob, tool, new { project = own, trash_id = never["trash_id"] }),
                await CallAsync(bob, tool, new { project = own, trash_id = hers["trash_id"] }));
        }

        Assert.Equal(
            await CallAsync(bob, "list_directory", new { project = own, cursor = never["cursor"] }), await CallAsync(bob, "list_directory", new { project = own, cursor = hers["cursor"] }));
        Assert.DoesNotContain("MARKER", await CallAsync(bob, "list_activity", new { }), StringComparison.Ordinal);
        Assert.Equal("MARKER", (await server.CallAsync(alice, "read_text_file", new { project = hers["project"], path = "a.txt" })).Content);
    }

    [Fact]
    public async Task Of_many_calls_of_two_people_at_once_no_answer_carries_the_others_mark()
    {
        var calls = 400 * Scale.Factor;
        var people = new List<(string Token, string Project, string Mark, string Other)>();
        foreach (var (user, mark, other) in (IEnumerable<(string, string, string)>)[("alice", "mark-of-alice", "mark-of-bob"), ("bob", "mark-of-bob", "mark-of-alice")])
        {
            var token = await server.Tokens.OfAsync(user, All);
            var project = (await server.CallAsync(token, "create_project", new { title = mark })).Structured.GetProperty("slug").GetString()!;
            await server.CallAsync(token, "write_file", new { project, path = "a.txt", content = mark });
            people.Add((token, project, mark, other));
        }

        var wrong = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(Enumerable.Range(0, calls), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) =>
        {
            var (token, project, mark, other) = people[i % 2];
            var answer = (i / 2 % 4) switch
            {
                0 => await server.CallAsync(token, "read_text_file", new { project, path = "a.txt" }),
                1 => await server.CallAsync(token, "search_text", new { project, pattern = "mark" }, legacy: true),
                2 => await server.CallAsync(token, "get_project", new { project }),
                _ => await server.CallAsync(token, "list_activity", new { project }),
            };
            if (!answer.Text.Contains(mark, StringComparison.Ordinal) || answer.Text.Contains(other, StringComparison.Ordinal))
            {
                wrong.Enqueue(answer.Text);
            }
        });

        Assert.Empty(wrong);
    }

    private static string Never(string real) => new([.. real.Select(c => c is >= 'a' and <= 'y' or >= 'A' and <= 'Y' or >= '0' and <= '8' ? (char)(c + 1) : c)]);

    /// <summary>One of everything that alice can have.</summary>
    private async Task<Dictionary<string, string>> HersAsync(string alice)
    {
        var project = (await server.CallAsync(alice, "create_project", new { title = "abc" })).Structured.GetProperty("slug").GetString()!;
        foreach (var path in (string[])["a.txt", "b.txt", "c.txt"])
        {
            await server.CallAsync(alice, "write_file", new { project, path, content = "MARKER" });
        }

        var deleted = (await server.CallAsync(alice, "delete_file", new { project, path = "c.txt" })).Structured;
        return new Dictionary<string, string>
        {
            ["project"] = project,
            ["workspace"] = (await server.CallAsync(alice, "open_workspace", new { project })).Structured.GetProperty("workspace").GetString()!,
            ["trash_id"] = deleted.GetProperty("trash_id").GetString()!,
            ["cursor"] = (await server.CallAsync(alice, "list_directory", new { project, limit = 1 })).Structured.GetProperty("next_cursor").GetString()!,
        };
    }

    /// <summary>Good arguments for a tool, with the things of this list wherever it takes them.</summary>
    private static Dictionary<string, object> Arguments(JsonElement schema, string place, Dictionary<string, string> things)
    {
        var arguments = new Dictionary<string, object>();
        foreach (var property in schema.EnumerateObject())
        {
            object? value = property.Name switch
            {
                "project" or "workspace" => property.Name == place ? things[place] : null,
                "trash_id" => things["trash_id"],
                "cursor" => things["cursor"],
                "path" or "source" => "a.txt",
                "destination" => "d.txt",
                "drive_path" => "Documents/travel.md",
                "paths" => new[] { "a.txt" },
                "edits" => new[] { new { old_text = "MARKER", new_text = "x" } },
                "pattern" or "content" or "title" => "MARKER".ToLowerInvariant(),
                "user" => Tokens.Alice,
                "role" => "reader",
                "if_match" => null,
                _ => null,
            };
            if (value is not null)
            {
                arguments[property.Name] = value;
            }
        }

        return arguments;
    }

    /// <summary>The answer, without what is different each time.</summary>
    private async Task<string> CallAsync(string token, string tool, object arguments)
    {
        var answer = await server.SendAsync(token, Rounds.First(arguments, tool));
        return $"{(int)answer.Status} {answer.Body.GetRawText()}";
    }
}
