using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpFilesServer.Tests.Attacks;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>A tool that says it only reads writes nothing, and none calls what it did not declare. The tools are found by listing them.</summary>
public sealed class ReadOnlyTests
{
    private const string All = "projects:read projects:write projects:share files:read files:write files:delete people:read drive:read drive:write";

    [Fact]
    public async Task Tools_that_say_they_only_read_write_nothing_and_call_only_what_they_declare()
    {
        var calls = new ConcurrentQueue<string>();
        await using var server = await Server.StartAsync(services =>
            services.ConfigureHttpClientDefaults(client => client.AddHttpMessageHandler(() => new Watching(calls))));
        var token = await server.Tokens.OfAsync("alice", All);
        var project = (await server.CallAsync(token, "create_project", new { title = "mine" })).Structured.GetProperty("slug").GetString()!;
        foreach (var path in (string[])["a.txt", "gone.txt"])
        {
            await server.CallAsync(token, "write_file", new { project, path, content = "needle\n" });
        }

        await server.CallAsync(token, "delete_file", new { project, path = "gone.txt" });
        var workspace = (await server.CallAsync(token, "open_workspace", new { project })).Structured.GetProperty("workspace").GetString()!;
        await server.CallAsync(token, "find_people", new { query = "warm-up" });
        var tools = (await server.SendAsync(token, Message.List())).Result.GetProperty("tools").EnumerateArray()
            .Where(tool => tool.GetProperty("annotations").GetProperty("readOnlyHint").GetBoolean()).ToList();
        Assert.True(tools.Count >= 14, $"{tools.Count} tools only read.");
        var declared = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(ServerProcess.RepositoryRoot, "tools.approved.json"))).RootElement.GetProperty("tools");

        foreach (var tool in tools)
        {
            var name = tool.GetProperty("name").GetString()!;
            foreach (var things in (Dictionary<string, string>[])[new() { ["project"] = project }, new() { ["project"] = project, ["workspace"] = workspace }])
            {
                var before = State(server, things.ContainsKey("workspace"));
                calls.Clear();

                var answer = await server.CallAsync(token, name, ToolArguments.Good(tool, things));

                Assert.False(answer.IsError, $"{name}: {answer.Text}");
                Assert.Equal(before, State(server, things.ContainsKey("workspace")));
                if (declared.GetProperty(name).TryGetProperty("downstream", out _))
                {
                    Assert.Equal([name == "list_drive" ? "GET /graph/v1.0/me/drive/root/children" : "GET /graph/v1.0/users", "POST /dev/token"], calls.Order(StringComparer.Ordinal));
                }
                else
                {
                    Assert.Empty(calls);
                }
            }
        }
    }

    [Fact]
    public async Task Tools_that_do_not_say_so_call_nothing_that_they_did_not_declare_either()
    {
        var calls = new ConcurrentQueue<string>();
        await using var server = await Server.StartAsync(services =>
            services.ConfigureHttpClientDefaults(client => client.AddHttpMessageHandler(() => new Watching(calls))));
        var token = await server.Tokens.OfAsync("alice", All);
        await server.CallAsync(token, "find_people", new { query = "warm-up" });
        var tools = (await server.SendAsync(token, Message.List())).Result.GetProperty("tools").EnumerateArray()
            .Where(tool => !tool.GetProperty("annotations").GetProperty("readOnlyHint").GetBoolean()).ToList();
        calls.Clear();

        foreach (var tool in tools)
        {
            var project = (await server.CallAsync(token, "create_project", new { title = "mine" })).Structured.GetProperty("slug").GetString()!;
            await server.CallAsync(token, "write_file", new { project, path = "a.txt", content = "not there" });
            var answer = await server.ConfirmAsync(token, tool.GetProperty("name").GetString()!, ToolArguments.Good(tool, new Dictionary<string, string> { ["project"] = project }));
            Assert.True(answer.Body.TryGetProperty("result", out _), answer.Text);
        }

        Assert.NotEmpty(tools);
        // Of those that declare it: once for each, and the import of what is there already goes no further.
        Assert.All(calls, call => Assert.Matches("^(POST /dev/token|GET /graph/v1\\.0/me/drive/root:/Documents/travel\\.md|PUT /graph/v1\\.0/me/drive/root:/Exports/.*:/content)$", call));
        Assert.Equal(4, calls.Count);
    }

    /// <summary>Everything that a tool could have changed: every file with its time and its bytes, and every row.</summary>
    private static string State(Server server, bool usesWorkspace)
    {
        var state = new StringBuilder();
        var root = Path.Combine(server.Storage, "projects");
        foreach (var path in Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            state.AppendLine(System.Globalization.CultureInfo.InvariantCulture, $"{path} {File.GetLastWriteTimeUtc(path).Ticks} {(File.Exists(path) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))) : "directory")}");
        }

        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "server.db")};Mode=ReadOnly");
        connection.Open();
        // Using a workspace keeps it open: that it was used is all that is written of it.
        foreach (var table in Read(connection, "select name from sqlite_master where type = 'table' order by name").Where(table => !usesWorkspace || table != "workspace"))
        {
            state.AppendLine(table).AppendJoin('\n', Read(connection, $"select * from {table}")).AppendLine();
        }

        return state.ToString();
    }

    private static List<string> Read(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), System.Globalization.CultureInfo.InvariantCulture))));
        }

        return rows;
    }

    private sealed class Watching(ConcurrentQueue<string> calls) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            calls.Enqueue($"{request.Method} {request.RequestUri!.AbsolutePath}");
            return base.SendAsync(request, cancellationToken);
        }
    }
}
