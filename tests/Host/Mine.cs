using System.Text.Json;
using Microsoft.Data.Sqlite;
using Xunit;

namespace McpFilesServer.Tests.Host;

/// <summary>A new project of alice's on a server, and its folder.</summary>
internal sealed class Mine
{
    private readonly Server _server;
    private readonly string _token;

    private Mine(Server server, string token, string slug)
    {
        (_server, _token, Slug) = (server, token, slug);
    }

    public const string Scopes = "projects:read projects:write files:read files:write files:delete";

    public string Slug { get; }

    public string Root => Path.Combine(_server.Storage, "projects", Slug);

    public static async Task<Mine> OfAsync(Server server, string? slug = null)
    {
        var token = await server.Tokens.OfAsync("alice", Scopes);
        slug ??= (await server.CallAsync(token, "create_project", new { title = "Mine" })).Structured.GetProperty("slug").GetString()!;
        return new(server, token, slug);
    }

    public string On(string path) => Path.Combine(Root, path);

    /// <summary>Calls a tool on the project.</summary>
    public Task<Answer> CallAsync(string tool, object arguments)
    {
        var all = JsonSerializer.SerializeToNode(arguments)!.AsObject();
        all["project"] = Slug;
        return _server.CallAsync(_token, tool, all);
    }

    /// <summary>What a tool answers that does what it should.</summary>
    public async Task<JsonElement> DoAsync(string tool, object arguments)
    {
        var answer = await CallAsync(tool, arguments);
        Assert.False(answer.IsError, answer.Text);
        return answer.Structured;
    }

    /// <summary>The sentence of a tool that refuses.</summary>
    public async Task<string> RefusedAsync(string tool, object arguments)
    {
        var said = (await CallAsync(tool, arguments)).Failure;
        Assert.DoesNotMatch("/tmp|Exception|SQLite|errno|\\.cs\\b", said);
        return said;
    }

    public async Task<Answer> EditAsync(string path, IEnumerable<(string Old, string New)> edits, string? ifMatch = null)
    {
        var list = edits.Select(edit => new { old_text = edit.Old, new_text = edit.New });
        var answer = await CallAsync("edit_file", ifMatch is null ? new { path, edits = list } : new { path, edits = list, if_match = ifMatch });
        Assert.False(answer.IsError, answer.Text);
        return answer;
    }

    public async Task<string> ReadAsync(string path) => (await CallAsync("read_text_file", new { path })).Content;

    /// <summary>The names of what is in the trash, as the disk has them.</summary>
    public IEnumerable<string> OnDisk() => Directory.Exists(On(".mcp-trash"))
        ? Directory.EnumerateFileSystemEntries(On(".mcp-trash")).Select(path => Path.GetFileName(path)).Where(name => name != ".gitignore") : [];

    /// <summary>The project's history.</summary>
    public IReadOnlyList<(string Action, string Path, string Detail)> History() =>
        Query("select a.action, coalesce(a.path, ''), coalesce(a.detail, '') from activity a join project p on p.id = a.project_id where p.slug = $slug order by a.sequence", 3)
            .Select(row => (row[0], row[1], row[2])).ToList();

    /// <summary>Rows of the trash table, whatever their state.</summary>
    public IReadOnlyList<(string Id, string State)> TrashRows() =>
        Query("select t.id, t.state from trash t join project p on p.id = t.project_id where p.slug = $slug", 2).Select(row => (row[0], row[1])).ToList();

    public void Execute(string sql) => Query(sql, 0);

    private List<string[]> Query(string sql, int columns)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_server.Storage, "server.db")}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue("$slug", Slug);
        using var reader = command.ExecuteReader();
        var rows = new List<string[]>();
        while (reader.Read())
        {
            rows.Add([.. Enumerable.Range(0, columns).Select(reader.GetString)]);
        }

        return rows;
    }
}
