using System.Diagnostics;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Commands;

/// <summary>The scripts of deploy/ copy a server that runs and is written to, and a server on the copy has everything that was there before.</summary>
public sealed class BackupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-files-backup-").FullName;

    private string Storage => Path.Combine(_folder, "storage");

    private string Backup => Path.Combine(_folder, "backup");

    private string Restored => Path.Combine(_folder, "restored");

    [Fact]
    public async Task What_was_there_before_a_backup_of_a_busy_server_is_there_after_its_restoration_and_the_audit_is_whole()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The scripts are for a POSIX shell.");
        var (slug, deleted) = ("", "");
        // People are those of an issuer, so that the copy has the same one.
        var (port, providerPort) = (Server.FreePort(), Server.FreePort());
        await using (var server = await RunningServer.StartAsync((Storage, port, providerPort)))
        {
            slug = (await server.CallAsync("create_project", new { title = "Kept" })).Structured.GetProperty("slug").GetString()!;
            await server.CallAsync("write_file", new { project = slug, path = "kept.txt", content = "kept\n" });
            await server.CallAsync("write_file", new { project = slug, path = "deleted.txt", content = "deleted\n" });
            deleted = (await server.CallAsync("delete_file", new { project = slug, path = "deleted.txt" })).Structured.GetProperty("trash_id").GetString()!;

            using var end = new CancellationTokenSource();
            var work = Task.Run(() => WriteAsync(server, slug, end.Token));
            var (status, _, error) = await ScriptAsync("backup.sh", Storage, Backup, "dotnet", typeof(Program).Assembly.Location);
            await end.CancelAsync();
            Assert.Equal((0, ""), (status, error));
            Assert.True(await work > 0, "Nothing was written meanwhile.");

            Assert.NotEqual(0, (await ScriptAsync("backup.sh", Storage, Backup, "dotnet", typeof(Program).Assembly.Location)).Status);
            await server.CallAsync("delete_file", new { project = slug, path = "kept.txt" });
            await server.EndAsync(kill: true);
        }

        Assert.Equal((0, ""), await ScriptAsync("restore.sh", Backup, Restored) is var done ? (done.Status, done.Error) : default);
        Assert.Contains("is not empty", (await ScriptAsync("restore.sh", Backup, Restored)).Error, StringComparison.Ordinal);
        var (exitCode, said, _) = await ServerProcess.RunAsync(["audit", "verify"], ("Storage__Directory", Restored));
        Assert.True(exitCode == 0, said);

        await using var again = await RunningServer.StartAsync((Restored, port, providerPort));
        Assert.Equal("kept\n", (await again.CallAsync("read_text_file", new { project = slug, path = "kept.txt" })).Content);
        Assert.False((await again.CallAsync("restore_file", new { project = slug, trash_id = deleted })).IsError);
        Assert.Equal("deleted\n", (await again.CallAsync("read_text_file", new { project = slug, path = "deleted.txt" })).Content);
        Assert.Equal("new\n", (await again.CallAsync("write_file", new { project = slug, path = "new.txt", content = "new\n" })) is { IsError: false }
            ? (await again.CallAsync("read_text_file", new { project = slug, path = "new.txt" })).Content : "");
    }

    [Fact]
    public async Task Copies_of_databases_are_their_owners_alone_and_nothing_is_overwritten()
    {
        await using var server = await Server.StartAsync();

        var first = await ServerProcess.RunAsync(["backup", Backup], ("Storage__Directory", server.Storage));
        var second = await ServerProcess.RunAsync(["backup", Backup], ("Storage__Directory", server.Storage));
        var nowhere = await ServerProcess.RunAsync(["backup", Restored], ("Storage__Directory", Path.Combine(_folder, "no-storage")));
        var misspelt = await ServerProcess.RunAsync(["backup"]);

        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Equal(["audit.anchor", "audit.db", "server.db"], Directory.EnumerateFiles(Backup).Select(Path.GetFileName).Order());
        // Windows gives files the rights of their folder.
        if (!OperatingSystem.IsWindows())
        {
            foreach (var file in Directory.EnumerateFiles(Backup))
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            }
        }

        Assert.Equal((1, 1, 2), (second.ExitCode, nowhere.ExitCode, misspelt.ExitCode));
        Assert.All([second.Error, nowhere.Error], error => Assert.StartsWith("The databases could not be copied: ", error, StringComparison.Ordinal));
        Assert.Contains("usage: dotnet run -- backup FOLDER", misspelt.Error, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<int> WriteAsync(RunningServer server, string slug, CancellationToken end)
    {
        var written = 0;
        while (!end.IsCancellationRequested)
        {
            var answer = await server.CallAsync("write_file", new { project = slug, path = $"busy-{written}.txt", content = "busy\n" });
            written += answer.IsError ? 0 : 1;
            await server.CallAsync("delete_file", new { project = slug, path = $"busy-{written - 1}.txt" });
        }

        return written;
    }

    private static async Task<(int Status, string Output, string Error)> ScriptAsync(string script, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("sh", [Path.Combine(ServerProcess.RepositoryRoot, "deploy", script), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output, await error);
    }
}
