using System.Collections.Concurrent;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>
/// A real server is ended at random moments while it writes, moves, deletes and restores. Whatever it had said was done is there after the next start, in
/// the project or in its trash, and whole. <c>TEST_SCALE=50</c> kills it 200 times.
/// </summary>
public sealed class CrashTests : IDisposable
{
    private readonly string _storage = Directory.CreateTempSubdirectory("mcp-crash-").FullName;
    private readonly ConcurrentDictionary<string, bool> _acknowledged = new();
    private volatile bool _ending;
    private int _next;

    private string Project => Path.Combine(_storage, "projects", "welcome");

    private string TrashFolder => Path.Combine(Project, ".mcp-trash");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_storage, recursive: true);
    }

    [Theory]
    [Trait("Attack", "H13")]
    [InlineData(true, 3)]
    [InlineData(false, 1)]
    public async Task Whenever_it_ends_every_file_is_whole_and_disk_and_trash_agree(bool kill, int times)
    {
        var at = (_storage, Server.FreePort(), Server.FreePort());
        (string, string)[] settings = [("Files__Trash__Versions", "1000000"), ("Files__Quota__Files", "1000000"), ("Files__Quota__Bytes", "100000000000")];
        for (var i = 0; i < times * Scale.Factor; i++)
        {
            await using var server = await RunningServer.StartAsync(at, settings);
            if (i > 0)
            {
                AssertInOrder();
            }

            _ending = false;
            var work = Enumerable.Range(0, 6).Select(worker => Task.Run(() => WorkAsync(server, worker))).ToList();
            await BusyAsync(_acknowledged.Count + Random.Shared.Next(6, 14), work);
            await Task.Delay(Random.Shared.Next(200));
            _ending = true;
            await server.EndAsync(kill);
            await Task.WhenAll(work);
        }

        await using var last = await RunningServer.StartAsync(at, settings);
        AssertInOrder();
        Assert.True(_acknowledged.Count > 5, $"Only {_acknowledged.Count} writes were acknowledged.");
        var trash = (await last.CallAsync("list_trash", new { project = "welcome", limit = 1000 })).Structured.GetProperty("entries");
        foreach (var entry in trash.EnumerateArray().Take(20))
        {
            var restored = await last.CallAsync("restore_file", new { project = "welcome", trash_id = entry.GetProperty("trash_id").GetString() });
            Assert.False(restored.IsError, restored.Text);
        }

        AssertInOrder();
    }

    private async Task BusyAsync(int acknowledged, List<Task> work)
    {
        for (var i = 0; i < 6000 && _acknowledged.Count < acknowledged; i++)
        {
            await (work.Find(task => task.IsFaulted) ?? Task.CompletedTask);
            await Task.Delay(10);
        }
    }

    /// <summary>Changes the project until the server is gone, and notes what was acknowledged.</summary>
    private async Task WorkAsync(RunningServer server, int worker)
    {
        var random = new Random(worker + (_next * 31));
        try
        {
            while (true)
            {
                var (number, path) = (Interlocked.Increment(ref _next), $"w{worker}-{random.Next(3)}");
                var content = string.Concat(Enumerable.Repeat($"<{number}>", random.Next(1, 20_000)));
                Answer answer;
                switch (random.Next(6))
                {
                    case 0 or 1:
                        var listed = (await server.CallAsync("list_directory", new { project = "welcome", limit = 1000 })).Structured.GetProperty("entries").EnumerateArray();
                        var etag = listed.Where(entry => entry.GetProperty("path").GetString() == path).Select(entry => entry.TryGetProperty("etag", out var value) ? value.GetString() : null).FirstOrDefault();
                        answer = await server.CallAsync("write_file", etag is null ? new { project = "welcome", path, content } : new { project = "welcome", path, content, if_match = etag });
                        if (!answer.IsError)
                        {
                            _acknowledged[$"<{number}>"] = true;
                        }

                        break;
                    case 2:
                        await server.CallAsync("move_file", new { project = "welcome", source = path, destination = $"w{worker}-{random.Next(3)}" });
                        break;
                    case 3:
                        await server.CallAsync("copy_file", new { project = "welcome", source = path, destination = $"w{worker}-{random.Next(3)}" });
                        break;
                    case 4:
                        await server.CallAsync("create_directory", new { project = "welcome", path = $"w{worker}-d/a/b" });
                        await server.CallAsync("move_file", new { project = "welcome", source = path, destination = $"w{worker}-d/a/b/{number}" });
                        await server.CallAsync("delete_file", new { project = "welcome", path = random.Next(2) == 0 ? $"w{worker}-d" : path });
                        break;
                    default:
                        var trash = (await server.CallAsync("list_trash", new { project = "welcome", limit = 20 })).Structured.GetProperty("entries").EnumerateArray().ToList();
                        _ = trash.Count == 0 ? null
                            : await server.CallAsync("restore_file", new { project = "welcome", trash_id = trash[random.Next(trash.Count)].GetProperty("trash_id").GetString() });
                        break;
                }
            }
        }
        catch (Exception) when (_ending)
        {
            // The server is gone.
        }
    }

    private void AssertInOrder()
    {
        var inTrash = Directory.Exists(TrashFolder) ? Directory.EnumerateFileSystemEntries(TrashFolder).Select(path => Path.GetFileName(path)).Where(name => name != ".gitignore").ToList() : [];
        Assert.DoesNotContain(inTrash, name => name.StartsWith("tmp-", StringComparison.Ordinal));
        Assert.Equal(inTrash.Order(StringComparer.Ordinal), Rows().Order(StringComparer.Ordinal));
        var seen = new HashSet<string>();
        foreach (var file in Directory.EnumerateFiles(_storage + "/projects/welcome", "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }))
        {
            var content = File.ReadAllText(file);
            if (content.StartsWith('<'))
            {
                var mark = content[..(content.IndexOf('>', StringComparison.Ordinal) + 1)];
                Assert.True(content.Length % mark.Length == 0 && content == string.Concat(Enumerable.Repeat(mark, content.Length / mark.Length)), $"{file} is not whole.");
                seen.Add(mark);
            }
        }

        Assert.Empty(_acknowledged.Keys.Except(seen));
    }

    private List<string> Rows()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_storage, "server.db")}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "select id, state from trash";
        using var reader = command.ExecuteReader();
        var ids = new List<string>();
        while (reader.Read())
        {
            Assert.Equal("kept", reader.GetString(1));
            ids.Add(reader.GetString(0));
        }

        return ids;
    }
}
