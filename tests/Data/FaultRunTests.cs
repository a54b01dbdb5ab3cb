using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>
/// A real server under load meets one fault after the other. While a fault lasts calls are refused, afterwards it goes on by itself; and whatever happened, each file that is
/// there has its decision in the audit, and every decision that was acknowledged is still in it. <c>TEST_SCALE</c> multiplies how often.
/// </summary>
public sealed class FaultRunTests : IDisposable
{
    private readonly string _storage = Directory.CreateTempSubdirectory("mcp-faults-").FullName;
    private readonly ConcurrentDictionary<int, Attempt> _attempts = new();
    private int _next;
    private volatile bool _ending;

    private string Audit => Path.Combine(_storage, "audit.db");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_storage, recursive: true);
    }

    [Fact]
    [Trait("Attack", "H05")]
    [Trait("Attack", "H13")]
    public async Task Whatever_goes_wrong_it_refuses_recovers_and_leaves_no_effect_without_a_record()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lets a disk look full for one process.");
        var at = (_storage, Server.FreePort(), Server.FreePort());
        (string, string)[] settings =
        [
            ("Files__Trash__Versions", "1000000"), ("Files__Quota__Files", "1000000"), ("Limits__CallsPerMinute", "1000000"), ("Limits__BytesPerMinute", "100000000000"),
        ];
        for (var round = 0; round < Scale.Factor; round++)
        {
            await using (var server = await RunningServer.StartAsync(at, settings))
            {
                await UnderLoadAsync(server, async () =>
                {
                    await RefusesAndRecoversAsync(server, LockedForTenSecondsAsync);
                    await RefusesAndRecoversAsync(server, () => WithoutRoomAsync(server));
                    await server.EndAsync(kill: false);
                });
                Assert.Contains("The audit ends at record", server.Said, StringComparison.Ordinal);
            }

            AssertWhole(inOrder: true);
            await using (var server = await RunningServer.StartAsync(at, settings))
            {
                await UnderLoadAsync(server, async () =>
                {
                    await DoneAsync(10);
                    await server.EndAsync(kill: true);
                });
            }

            AssertWhole(inOrder: false);
        }
    }

    /// <summary>Calls from six clients until the server has ended.</summary>
    private async Task UnderLoadAsync(RunningServer server, Func<Task> meanwhile)
    {
        _ending = false;
        var work = Enumerable.Range(0, 6).Select(_ => Task.Run(() => WorkAsync(server))).ToList();
        await DoneAsync(10);
        await meanwhile();
        _ending = true;
        await Task.WhenAll(work);
    }

    private async Task WorkAsync(RunningServer server)
    {
        while (!_ending)
        {
            var number = Interlocked.Increment(ref _next);
            var arguments = new { project = "welcome", path = $"n{number}", content = $"<{number}>" };
            var attempt = _attempts[number] = new Attempt(DigestOf(Message.Call("write_file", arguments)));
            try
            {
                var answer = await server.CallAsync("write_file", arguments);
                (attempt.Status, attempt.Done) = (answer.Status, answer.Status == HttpStatusCode.OK && !answer.IsError);
            }
            catch (HttpRequestException)
            {
                // The server is gone; whether it was done is not known.
                await Task.Delay(20);
            }
        }
    }

    private async Task RefusesAndRecoversAsync(RunningServer server, Func<Task> fault)
    {
        var refused = Refused();
        await fault();
        Assert.True(Refused() > refused, "Nothing was refused.");
        Assert.DoesNotContain(_attempts, attempt => attempt.Value.Status == HttpStatusCode.InternalServerError);
        await DoneAsync(20);
        for (var i = 0; i < 200 && !await server.IsReadyAsync(); i++)
        {
            await Task.Delay(50);
        }

        Assert.True(await server.IsReadyAsync());

        int Refused() => _attempts.Values.Count(attempt => attempt.Status == HttpStatusCode.ServiceUnavailable);
    }

    /// <summary>Waits until so many more calls have been done.</summary>
    private async Task DoneAsync(int more)
    {
        var (wanted, watch) = (Done() + more, Stopwatch.StartNew());
        while (Done() < wanted)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"{Done()} of {wanted} calls were done.");
            await Task.Delay(20);
        }

        int Done() => _attempts.Values.Count(attempt => attempt.Done);
    }

    private async Task LockedForTenSecondsAsync()
    {
        await using var other = new SqliteConnection($"Data Source={Audit};Pooling=False");
        await other.OpenAsync();
        await other.ExecuteAsync("begin immediate");
        await Task.Delay(TimeSpan.FromSeconds(10));
        await other.ExecuteAsync("rollback");
    }

    /// <summary>No file of the server may have more than a page: what it wrote is there, and nothing can be added.</summary>
    private static async Task WithoutRoomAsync(RunningServer server)
    {
        await LimitAsync(server, "4096:unlimited");
        for (var i = 0; i < 100 && await server.IsReadyAsync(); i++)
        {
            await Task.Delay(50);
        }

        Assert.False(await server.IsReadyAsync());
        await Task.Delay(TimeSpan.FromSeconds(2));
        await LimitAsync(server, "unlimited:unlimited");
    }

    private static async Task LimitAsync(RunningServer server, string size)
    {
        using var limit = Process.Start("prlimit", ["--pid", server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), $"--fsize={size}"]);
        await limit.WaitForExitAsync();
        Assert.Equal(0, limit.ExitCode);
    }

    private void AssertWhole(bool inOrder)
    {
        var audit = new AuditVerification(Audit, Path.Combine(_storage, "audit.anchor"));
        Assert.Empty(audit.Problems(out _, out _));
        var records = audit.Export().Select(line => JsonElement.Parse(line)).ToList();
        var allowed = records.Where(record => Text(record, "kind") == "decision" && Text(record, "decision") == "allow").ToList();
        var digests = allowed.Select(record => Text(record, "arguments_digest")).ToHashSet();
        foreach (var (number, attempt) in _attempts)
        {
            var written = File.Exists(Path.Combine(_storage, "projects", "welcome", $"n{number}"));
            Assert.True(!written || digests.Contains(attempt.Digest), $"n{number} was written and nothing in the audit says so.");
            Assert.True(!attempt.Done || (written && digests.Contains(attempt.Digest)), $"n{number} was acknowledged and is lost.");
            Assert.True(attempt.Status != HttpStatusCode.ServiceUnavailable || !written, $"n{number} was refused and written.");
        }

        var ended = records.Where(record => Text(record, "kind") == "outcome").Select(record => record.GetProperty("about").GetInt64()).ToList();
        Assert.Equal(ended.Distinct().Count(), ended.Count);
        if (inOrder)
        {
            // From the last start on; what a kill left before it has no outcome.
            var start = records.Last(record => Text(record, "reason") == "started").GetProperty("sequence").GetInt64();
            Assert.Equal("stopped", Text(records[^1], "reason"));
            Assert.Empty(allowed.Select(record => record.GetProperty("sequence").GetInt64()).Where(number => number > start).Except(ended));
        }
    }

    private static string? Text(JsonElement record, string column) => record.TryGetProperty(column, out var value) ? value.GetString() : null;

    private static string DigestOf(Message message)
    {
        using var body = JsonDocument.Parse(message.Body);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body.RootElement.GetProperty("params").GetProperty("arguments").GetRawText())));
    }

    private sealed class Attempt(string digest)
    {
        public string Digest => digest;

        public HttpStatusCode? Status { get; set; }

        public bool Done { get; set; }
    }
}
