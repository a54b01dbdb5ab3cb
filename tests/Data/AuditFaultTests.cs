using System.Diagnostics;
using System.Net;
using Dapper;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>What the server does when its audit takes no more records, on a real database file: it refuses, and goes on by itself.</summary>
public sealed class AuditFaultTests
{
    /// <summary>SQLITE_READONLY.</summary>
    private const int ReadOnly = 8;

    private readonly Probe _probe = new();

    [Fact]
    [Trait("Attack", "H05")]
    public async Task While_the_disk_is_full_nothing_is_carried_out_and_then_it_goes_on_by_itself()
    {
        var disk = Directory.CreateTempSubdirectory("mcp-small-disk-").FullName;
        Assert.SkipUnless(OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk), "Only root can mount a file system.");
        try
        {
            await using var server = await Server.StartAsync(services => services.AddSingleton(_probe.Tool()), ("Storage:Directory", disk));
            var filler = Path.Combine(disk, "filler");
            await RefusesAsync(server, () => Fill(filler), () => File.Delete(filler));
        }
        finally
        {
            // At once, whatever a process that another test is just starting may still have open.
            Run("umount", "-l", disk);
            Directory.Delete(disk);
        }
    }

    [Fact]
    [Trait("Attack", "H05")]
    public async Task While_the_file_is_read_only_nothing_is_carried_out_and_then_it_goes_on_by_itself()
    {
        var log = new LogLines(typeof(Audit).FullName!);
        await using var server = await Server.StartAsync(services =>
        {
            services.AddSingleton(_probe.Tool());
            log.AddTo(services);
        });
        using var file = new ReadOnlyFile(Path.Combine(server.Storage, "audit.db"));
        await RefusesAsync(
            server,
            () =>
            {
                // Who has the file open for writing may go on, and SQLite hands what one connection has open to the next: so nothing can be written until all have closed it.
                using (var connection = Connection(server.Storage))
                {
                    connection.Execute("create trigger broken before insert on audit begin select raise(fail, 'disk I/O error'); end");
                    file.Begin();
                }

                for (var i = 0; i < 100 && !log.Faults.OfType<SqliteException>().Any(fault => fault.SqliteErrorCode == ReadOnly); i++)
                {
                    SqliteConnection.ClearAllPools();
                    Assert.Equal(HttpStatusCode.ServiceUnavailable, server.CallAsync(server.Tokens.Forge(), "probe", new { }).GetAwaiter().GetResult().Status);
                }

                Assert.Contains(log.Faults.OfType<SqliteException>(), fault => fault.SqliteErrorCode == ReadOnly);
            },
            () =>
            {
                file.Dispose();
                using var connection = Connection(server.Storage);
                connection.Execute("drop trigger broken");
            });
    }

    [Fact]
    [Trait("Attack", "H05")]
    public async Task A_server_that_cannot_record_its_start_does_not_come_up()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-audit-fault-").FullName;
        try
        {
            await using (await Server.StartAsync(settings: ("Storage:Directory", storage)))
            {
            }

            Execute(storage, "create trigger broken before insert on audit begin select raise(fail, 'disk I/O error'); end");
            var refused = await ServerProcess.RunAsync(
                [], ("Storage__Directory", storage), ("Urls", $"http://localhost:{Server.FreePort()}"), ("Dev__Url", $"http://localhost:{Server.FreePort()}"));
            Execute(storage, "drop trigger broken");

            Assert.Equal((1, "Storage:Directory cannot be used: SQLite Error 19: 'disk I/O error'. Name a folder that the server may write to."), (refused.ExitCode, refused.Error.Trim()));
            await using (await Server.StartAsync(settings: ("Storage:Directory", storage)))
            {
                Assert.Empty(Problems(storage));
            }
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(storage, recursive: true);
        }
    }

    [Fact]
    public async Task What_a_power_cut_leaves_between_the_record_and_the_effect_is_the_record()
    {
        var witness = new Witness();
        await using var server = await Server.StartAsync(services => services.AddSingleton(witness.Tool()));
        witness.Storage = server.Storage;
        try
        {
            Assert.False((await server.CallAsync(server.Tokens.Forge(), "witness", new { })).IsError);

            var audit = new AuditVerification(Path.Combine(witness.Copy, "audit.db"), Path.Combine(witness.Copy, "audit.anchor"));
            Assert.Empty(audit.Problems(out _, out _));
            Assert.Equal(
                ["configuration started", "decision witness"],
                audit.Export().Select(line => System.Text.Json.JsonElement.Parse(line)).Select(row => $"{row.GetProperty("kind")} {(row.TryGetProperty("target", out var target) ? target : row.GetProperty("reason"))}"));

            // The next start goes on behind it: the call that has no outcome stays for all to see.
            await using (var next = await Server.StartAsync(settings: ("Storage:Directory", witness.Copy)))
            {
                Assert.Empty(Problems(witness.Copy));
                Assert.DoesNotContain(next.AuditRecords(), row => row.GetProperty("kind").GetString() == "outcome");
            }
        }
        finally
        {
            Directory.Delete(witness.Copy, recursive: true);
        }
    }

    [Fact]
    public async Task Outcomes_wait_while_the_file_takes_none_and_are_written_when_it_does()
    {
        await using var server = await Server.StartAsync();
        var token = server.Tokens.Forge();
        using (var connection = Connection(server.Storage))
        {
            connection.Execute("create trigger no_outcomes before insert on audit when new.kind = 'outcome' begin select raise(fail, 'disk I/O error'); end");
            Assert.False((await server.CallAsync(token, "list_projects", new { })).IsError);
            await Task.Delay(300, TestContext.Current.CancellationToken);
            connection.Execute("drop trigger no_outcomes");
        }

        var decision = Assert.Single(server.AuditRows());
        Assert.Equal("ok", (await server.OutcomeOfAsync(decision.GetProperty("sequence").GetInt64())).GetProperty("decision").GetString());
        Assert.Empty(Problems(server.Storage));
    }

    private static IReadOnlyList<string> Problems(string storage) => new AuditVerification(Path.Combine(storage, "audit.db"), Path.Combine(storage, "audit.anchor")).Problems(out _, out _);

    private static SqliteConnection Connection(string storage)
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(storage, "audit.db")};Pooling=False");
        connection.Open();
        return connection;
    }

    private static void Execute(string storage, string sql)
    {
        using var connection = Connection(storage);
        connection.Execute(sql);
    }

    /// <summary>Before the fault the tool runs, while it lasts every call is refused and none runs, and after it the tool runs again, all of it on the record.</summary>
    private async Task RefusesAsync(Server server, Action begin, Action end)
    {
        var token = server.Tokens.Forge();
        Assert.False((await server.CallAsync(token, "probe", new { })).IsError);
        begin();
        var (before, answered) = (1, await server.CallAsync(token, "probe", new { }));
        for (; before < 2000 && answered.Status == HttpStatusCode.OK; before++)
        {
            // The log of the database may still have had room in itself.
            answered = await server.CallAsync(token, "probe", new { });
        }

        for (var i = 0; i < 3; i++)
        {
            var refused = i == 0 ? answered : await server.CallAsync(token, "probe", new { });
            Assert.Equal((HttpStatusCode.ServiceUnavailable, 503), (refused.Status, refused.ErrorCode));
            Assert.Equal("5", refused.Headers["Retry-After"]);
            Assert.DoesNotContain("atabase", refused.Text, StringComparison.Ordinal);
        }

        Assert.Equal(before, _probe.Runs);
        await ReadyAsync(server, HttpStatusCode.ServiceUnavailable);
        end();
        Assert.False((await server.CallAsync(token, "probe", new { })).IsError);
        await ReadyAsync(server, HttpStatusCode.OK);
        Assert.Equal(before + 1, _probe.Runs);
        Assert.Equal(before + 1, server.AuditRows().Count(row => row.GetProperty("target").GetString() == "probe"));
        Assert.Empty(Problems(server.Storage));
    }

    /// <summary>The server says so of itself, within the second after which it looks again.</summary>
    private static async Task ReadyAsync(Server server, HttpStatusCode status)
    {
        var said = HttpStatusCode.Continue;
        for (var i = 0; i < 50 && said != status; i++)
        {
            await Task.Delay(100);
            said = (await server.Http.GetAsync("/health/ready")).StatusCode;
        }

        Assert.Equal(status, said);
    }

    private static void Fill(string file)
    {
        try
        {
            using var filler = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (true)
            {
                filler.Write(new byte[4096]);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static bool Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>A file that nobody can open for writing: by its mode, or where that does not hold for whoever runs the tests, by a mount over itself.</summary>
    private sealed class ReadOnlyFile(string path) : IDisposable
    {
        private bool _begun;

        public void Begin()
        {
            Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
            _begun = true;
            if (Environment.IsPrivilegedProcess)
            {
                Assert.SkipUnless(Run("mount", "--bind", path, path) && Run("mount", "-o", "remount,ro,bind", path), "Only root can mount a file system.");
            }
            else if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead);
            }
        }

        public void Dispose()
        {
            if (_begun && !OperatingSystem.IsWindows())
            {
                _begun = false;
                _ = Environment.IsPrivilegedProcess && Run("umount", "-l", path);
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                SqliteConnection.ClearAllPools();
            }
        }
    }

    /// <summary>A tool that keeps what is on the disk at the moment of its effect: what a machine would find that lost its power right then.</summary>
    private sealed class Witness
    {
        public string Storage { get; set; } = "";

        public string Copy { get; } = Directory.CreateTempSubdirectory("mcp-witness-").FullName;

        public McpServerTool Tool() => McpServerTool.Create(Run, Declared.Tool("witness"));

        [RequiresScope(Scopes.ProjectsRead)]
        private string Run()
        {
            foreach (var file in Directory.GetFiles(Storage, "audit.*").Where(file => !file.EndsWith("-shm", StringComparison.Ordinal)))
            {
                File.Copy(file, Path.Combine(Copy, Path.GetFileName(file)));
            }

            return "seen";
        }
    }
}
