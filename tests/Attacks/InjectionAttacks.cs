using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Text is text: whatever language it is written in, no argument of any tool is read as SQL, a command, a template or a reference.</summary>
public sealed partial class InjectionAttacks : IAsyncLifetime
{
    private const string All = "projects:read projects:write projects:share files:read files:write files:delete people:read drive:read drive:write";

    private readonly Server _server = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _canary = Path.Combine(Path.GetTempPath(), $"mcp-files-canary-{Guid.NewGuid():n}");

    private string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Each is harmless as text. Whoever evaluates one changes a database, makes the canary, or calls the address.</summary>
    private IEnumerable<string> Evils =>
    [
        "name; DROP TABLE project--", "' OR '1'='1", "'; DELETE FROM member; --", "x' UNION SELECT sql FROM sqlite_master --", "(select group_concat(name) from sqlite_master)",
        "%' OR 1=1 --", "%", "_", "@slug", "\\' OR ''='", "*", "a OR b", "NEAR(a b)",
        $"$(touch {_canary})", $"`touch {_canary}`", $"; touch {_canary}", $"| touch {_canary}", $"--output={_canary}", $"-o{_canary}", $"& touch {_canary} &",
        $"${{jndi:ldap://{Address}/a}}", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%s%n%x%p", "{0}{1}{99}", "{project}", "<script>alert(1)</script>",
        $"<!DOCTYPE a [<!ENTITY b SYSTEM 'http://{Address}/x'>]><a>&b;</a>", $"http://{Address}/x", "{\"$ref\":\"#\"}", "__proto__", "constructor",
    ];

    public async ValueTask InitializeAsync()
    {
        _listener.Start();
        await _server.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    [Trait("Attack", "G02")]
    [Trait("Attack", "G03")]
    [Trait("Attack", "G04")]
    public async Task No_argument_of_any_tool_is_ever_more_than_text()
    {
        var token = await _server.Tokens.OfAsync("alice", All);
        var tools = (await _server.SendAsync(token, Message.List())).Result.GetProperty("tools").EnumerateArray().ToList();
        var (project, other) = (await ProjectAsync(token), await ProjectAsync(token));
        var (schema, tried) = (SchemaOf("server.db") + SchemaOf("audit.db"), 0);

        foreach (var tool in tools)
        {
            var name = tool.GetProperty("name").GetString()!;
            var readOnly = tool.GetProperty("annotations").GetProperty("readOnlyHint").GetBoolean();
            foreach (var (place, fill) in ToolArguments.Strings(tool.GetProperty("inputSchema")))
            {
                foreach (var evil in Evils)
                {
                    var arguments = ToolArguments.Good(tool, project);
                    fill(arguments, evil);
                    if (!readOnly)
                    {
                        // The call before may have moved it away.
                        await _server.CallAsync(token, "write_file", new { project = project["project"], path = "a.txt", content = "needle" });
                    }

                    var before = Rows();

                    var answer = await _server.SendAsync(token, Rounds.First(arguments, name));

                    Assert.True(answer.Status == HttpStatusCode.OK, $"{name}({place}: {evil}): {(int)answer.Status} {answer.Text}");
                    var said = answer.Text.Replace(JsonSerializer.Serialize(evil).Trim('"'), "", StringComparison.Ordinal);
                    // What was made of it, such as a slug, may have its words.
                    Assert.False((answer.Body.TryGetProperty("error", out _) || answer.IsError) && Detail().IsMatch(said), $"{name}({place}: {evil}): {said}");
                    // A template that was worked out.
                    Assert.False(evil.Contains("7*7", StringComparison.Ordinal) && Worked().IsMatch(answer.Text), $"{name}({place}: {evil}): {answer.Text}");
                    if (readOnly || answer.Body.TryGetProperty("error", out _) || answer.IsError)
                    {
                        Assert.True(before == Rows(), $"{name}({place}: {evil}) changed rows: {before} became {Rows()}. {answer.Text}");
                    }

                    if (answer.Body.TryGetProperty("result", out _) && answer.Asks())
                    {
                        // Said no to, so that not too many wait.
                        await _server.SendAsync(token, Rounds.Second(answer.State(), """{"confirmation":{"action":"decline"}}""", arguments.ToJsonString(), name));
                    }

                    tried++;
                }
            }
        }

        Assert.True(tried > 80 * Evils.Count(), $"Only {tried} were tried.");
        Assert.Equal(schema, SchemaOf("server.db") + SchemaOf("audit.db"));
        Assert.False(File.Exists(_canary));
        Assert.False(_listener.Pending());
        Assert.Equal("needle", (await _server.CallAsync(token, "read_text_file", new { project = other["project"], path = "a.txt" })).Content);
    }

    [Fact]
    [Trait("Attack", "G02")]
    [Trait("Attack", "G04")]
    public async Task What_was_written_comes_back_as_it_was_as_a_name_a_title_and_a_text()
    {
        var token = await _server.Tokens.OfAsync("alice", All);
        foreach (var evil in Evils)
        {
            var made = (await _server.CallAsync(token, "create_project", new { title = evil })).Structured;
            var project = made.GetProperty("slug").GetString()!;
            await _server.CallAsync(token, "write_file", new { project, path = "text.xml", content = evil });
            var name = evil.Replace('/', '-');
            var written = await _server.CallAsync(token, "write_file", new { project, path = name, content = "x" });

            Assert.Equal(evil, (await _server.CallAsync(token, "get_project", new { project })).Structured.GetProperty("title").GetString());
            Assert.Equal(evil, (await _server.CallAsync(token, "read_text_file", new { project, path = "text.xml" })).Content);
            Assert.Single((await _server.CallAsync(token, "search_text", new { project, pattern = Regex.Escape(evil) })).Structured.GetProperty("matches").EnumerateArray());
            Assert.Equal(
                written.IsError ? ["text.xml"] : new[] { name, "text.xml" }.Order(StringComparer.Ordinal),
                (await _server.CallAsync(token, "list_directory", new { project })).Structured.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("path").GetString()!).Order(StringComparer.Ordinal));
            Assert.All(
                (await _server.CallAsync(token, "list_activity", new { project })).Structured.GetProperty("activity").EnumerateArray(),
                deed => Assert.Equal(project, deed.GetProperty("project").GetString()));
        }
    }

    [Theory]
    [Trait("Attack", "G13")]
    [InlineData("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b")]
    [InlineData("**/**/**/**/**/**/**/**/**/**/**/**/**/x")]
    [InlineData("**/a*/**/a*/**/a*/**/a*/**/a*/**/a*/**/b")]
    [InlineData("{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}b")]
    [InlineData("{{{{{{{{{{a,b},c},d},e},f},g},h},i},j},k}")]
    [InlineData("{a*,a*,a*,a*}{a*,a*,a*,a*}{a*,a*,a*,a*}{a*,a*,a*,a*}{a*,a*,a*,a*}{a*,a*,a*,a*}{a*,a*,a*,a*}b")]
    [InlineData("[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*0")]
    [InlineData("????????????????????????????????????????*????????????????????????????????????????*b")]
    public async Task A_glob_that_runs_away_elsewhere_does_not_here(string pattern)
    {
        var token = await _server.Tokens.OfAsync("alice", All);
        var project = (await ProjectAsync(token))["project"];
        var deep = string.Join('/', Enumerable.Repeat(new string('a', 60), 20));
        await _server.CallAsync(token, "create_directory", new { project, path = deep });
        for (var i = 0; i < 20; i++)
        {
            await _server.CallAsync(token, "write_file", new { project, path = $"{new string('a', 200)}{i:00}", content = "aaaa" });
        }

        foreach (var answer in (Answer[])
        [
            await _server.CallAsync(token, "search_files", new { project, pattern }).WaitAsync(TimeSpan.FromSeconds(30)),
            await _server.CallAsync(token, "search_text", new { project, pattern = "aaaa", glob = pattern }).WaitAsync(TimeSpan.FromSeconds(30)),
        ])
        {
            if (answer.IsError)
            {
                Assert.StartsWith("The pattern", answer.Failure, StringComparison.Ordinal);
            }
            else
            {
                Assert.False(answer.Structured.GetProperty("truncated").GetBoolean());
            }
        }
    }

    /// <summary>A project with one of everything, and the handles of it.</summary>
    private async Task<Dictionary<string, string>> ProjectAsync(string token)
    {
        var project = (await _server.CallAsync(token, "create_project", new { title = "mine" })).Structured.GetProperty("slug").GetString()!;
        await _server.CallAsync(token, "write_file", new { project, path = "a.txt", content = "needle" });
        return new() { ["project"] = project };
    }

    private string SchemaOf(string database) => Query(database, "select group_concat(sql, ';') from (select sql from sqlite_master order by name)");

    /// <summary>How many rows each table has whose rows are somebody's: not open questions, which asking makes.</summary>
    private string Rows() => Query("server.db", string.Join(" || ' ' || ", ((string[])["project", "member", "workspace", "trash", "activity", "revocation"]).Select(table => $"(select count(*) from {table})")).Insert(0, "select "));

    private string Query(string database, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_server.Storage, database)};Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (string)command.ExecuteScalar()!;
    }

    [GeneratedRegex(@"(?i)sqlite|syntax error|no such (table|column)|unrecognized token|exception|stack|\bat [A-Z]\w+\.|/tmp/|/home/|/usr/|\.cs\b|format string|could not do this|line \d+, position|an error occurred")]
    private static partial Regex Detail();

    [GeneratedRegex(@"(?<![\w.-])49(?![\w.-])")]
    private static partial Regex Worked();
}
