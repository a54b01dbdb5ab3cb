using System.Diagnostics.Metrics;
using Dapper;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>The audit on a real database file: what is done to it shows.</summary>
public sealed class AuditTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-audit-").FullName;
    private readonly MovedClock _time = new();
    private Audit? _audit;

    private static AuditMetrics Metrics => new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>());

    private string File => Path.Combine(_folder, "audit.db");

    private string AnchorFile => Path.Combine(_folder, "audit.anchor");

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task An_audit_that_nobody_touched_is_whole_also_over_restarts_and_beside_a_running_server()
    {
        await RecordAsync(5);
        Assert.Empty(Problems());
        await CloseAsync();
        await RecordAsync(5);

        Assert.Empty(new AuditVerification(File, AnchorFile).Problems(out var head, out var count));
        Assert.Equal((10, 10), (head.Sequence, count));
    }

    [Theory]
    [InlineData("update audit set decision = 'deny' where sequence = 4", "Record 4 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set subject = null where sequence = 1", "Record 1 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set recorded_at = '2031-01-01T00:00:00.000Z' where sequence = 10", "Record 10 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set bytes = 1.5 where sequence = 3", "Record 3 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set status = 500 where sequence = 3", "Record 3 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set client_trace_id = downstream_status, downstream_status = 4 where sequence = 3", "Record 3 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set hash = null where sequence = 10", "Record 10 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("delete from audit where sequence = 4", "Record 4 is missing.")]
    [InlineData("delete from audit where sequence in (4, 5, 6)", "Records 4 to 6 are missing.")]
    [InlineData("delete from audit where sequence > 8", "Records 9 to 10 are missing: the anchor names the last one.")]
    [InlineData("delete from audit", "Records 1 to 10 are missing: the anchor names the last one.")]
    [InlineData("delete from audit where sequence < 3", "Records 1 to 2 are missing.")]
    [InlineData("update audit set sequence = 99 where sequence = 4; update audit set sequence = 4 where sequence = 5; update audit set sequence = 5 where sequence = 99", "Record 4 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("insert into audit select 11, recorded_at, kind, decision, reason, policy_version, trace_id, address, issuer, subject, client, token_id, method, target, arguments_digest, scopes_needed, scopes_held, about, project, duration_ms, bytes, repeated, detail, hash, client_trace_id, status, exchanged_token_id, downstream_status from audit where sequence = 10", "Record 11 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit set detail = 'more' where sequence = 10; update audit_start set sequence = 9, hash = (select hash from audit where sequence = 9); delete from audit where sequence < 10", "Record 10 is not what was written there: it was changed, moved, or put in.")]
    [InlineData("update audit_start set sequence = 3, hash = (select hash from audit where sequence = 3); delete from audit where sequence <= 3", "The chain begins after record 3, and retention took away those up to 0.")]
    public async Task What_was_done_to_it_is_found_and_named(string sql, string problem)
    {
        await RecordAsync(10);
        await CloseAsync();

        Run(sql);

        Assert.Contains(problem, Problems());
    }

    [Fact]
    public async Task A_chain_that_was_written_anew_from_an_edit_on_is_not_the_one_that_the_anchor_names()
    {
        await RecordAsync(10);
        await CloseAsync();
        using (var connection = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            connection.Open();
            connection.Execute("update audit set decision = 'deny' where sequence = 4");
            var hash = connection.ExecuteScalar<string>("select hash from audit where sequence = 3")!;
            foreach (var sequence in Enumerable.Range(4, 7))
            {
                var row = (IDictionary<string, object?>)connection.QuerySingle($"select {string.Join(", ", AuditChain.Columns)} from audit where sequence = {sequence}");
                hash = AuditChain.Hash(hash, sequence, AuditChain.Columns.Select(column => row[column]));
                connection.Execute("update audit set hash = @hash where sequence = @sequence", new { hash, sequence });
            }
        }

        Assert.Equal(["Record 10 is not the one that the anchor names."], Problems());
    }

    [Fact]
    public async Task A_tail_that_was_cut_off_is_not_covered_by_what_comes_after()
    {
        await RecordAsync(10);
        await CloseAsync();
        Run("delete from audit where sequence > 7");

        await RecordAsync(3);

        Assert.Equal(["Records 8 to 10 are missing."], Problems());
        Assert.Equal(("audit_tail_missing", "records 8 to 10"), Single<(string, string)>("select reason, detail from audit where sequence = 11"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not an anchor")]
    [InlineData("0000000000000000005 zzz")]
    public async Task Without_its_anchor_it_says_that_the_end_cannot_be_told(string content)
    {
        await RecordAsync(3);
        await CloseAsync();
        await System.IO.File.WriteAllTextAsync(AnchorFile, content, TestContext.Current.CancellationToken);

        Assert.Contains("The anchor is missing or is no anchor: whether the end of the chain was cut off cannot be said.", Problems());
    }

    [Fact]
    public async Task A_clock_that_is_set_back_changes_nothing_in_the_chain_and_takes_nothing_away()
    {
        await RecordAsync(3);
        await CloseAsync();
        var database = Open();
        database.Append([AuditChain.Values(Record(), "1999-01-01T00:00:00.000Z")]);
        database.Append([AuditChain.Values(Record(), Text(_time.GetUtcNow()))]);

        Assert.Equal(0, database.Prune(Text(_time.GetUtcNow() - TimeSpan.FromDays(1)), 100, Text(_time.GetUtcNow())));

        database.Dispose();
        Assert.Empty(Problems());
    }

    [Fact]
    public async Task Retention_takes_away_the_oldest_and_the_chain_stays_whole()
    {
        await RecordAsync(10);
        _time.Advance(TimeSpan.FromDays(2));
        await RecordAsync(5);
        await CloseAsync();
        var database = Open();

        var removed = database.Prune(Text(_time.GetUtcNow() - TimeSpan.FromDays(1)), 4, Text(_time.GetUtcNow()));
        removed += database.Prune(Text(_time.GetUtcNow() - TimeSpan.FromDays(1)), 100, Text(_time.GetUtcNow()));

        database.Dispose();
        Assert.Equal(10, removed);
        Assert.Empty(Problems());
        Assert.Equal(11, Single<long>("select min(sequence) from audit"));
        await RecordAsync(1);
        Assert.Empty(Problems());
    }

    [Fact]
    public async Task A_database_that_is_locked_refuses_and_goes_on_by_itself()
    {
        await RecordAsync(1);
        using (var other = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            other.Open();
            other.Execute("begin immediate");
            await Assert.ThrowsAnyAsync<Exception>(() => RecordAsync(1));
            other.Execute("rollback");
        }

        await RecordAsync(1);
        Assert.Empty(Problems());
        Assert.Equal(2, Single<long>("select count(*) from audit"));
    }

    [Fact]
    public async Task A_disk_that_is_full_refuses_and_nothing_of_the_batch_is_kept()
    {
        await RecordAsync(1);
        await CloseAsync();
        var database = Open();
        using (var connection = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            connection.Open();
            connection.Execute("create trigger full before insert on audit when new.sequence = 4 begin select raise(fail, 'database or disk is full'); end");
            Assert.Throws<SqliteException>(() => database.Append([.. Enumerable.Range(0, 5).Select(_ => AuditChain.Values(Record(), "2030-01-01T00:00:00.000Z"))]));
            connection.Execute("drop trigger full");
        }

        Assert.Equal(2, database.Append([AuditChain.Values(Record(), "2030-01-01T00:00:00.000Z")]));
        database.Dispose();
        Assert.Empty(Problems());
    }

    [Fact]
    public async Task Two_that_write_make_one_chain()
    {
        using var first = Open();
        using var second = Open();

        await Task.WhenAll(((AuditDatabase[])[first, second]).Select(database => Task.Run(() =>
        {
            for (var i = 0; i < 50; i++)
            {
                database.Append([AuditChain.Values(Record(), "2030-01-01T00:00:00.000Z")]);
            }
        })));

        Assert.Empty(new AuditVerification(File, AnchorFile).Problems(out _, out var count));
        Assert.Equal(100, count);
    }

    [Fact]
    public async Task A_flood_of_strangers_leaves_a_bounded_number_of_records_that_say_how_many_there_were()
    {
        var flood = 10_000;
        var audit = Start(perMinute: 50);
        for (var i = 0; i < flood; i++)
        {
            await audit.RecordAsync(Record() with { Issuer = null, Subject = null, Address = i % 2 == 0 ? "203.0.113.1" : $"2001:db8::{i % 200:x}" }, TestContext.Current.CancellationToken);
        }

        _time.Advance(TimeSpan.FromMinutes(2));
        await audit.RecordAsync(Record(), TestContext.Current.CancellationToken);
        await CloseAsync();

        Assert.True(Single<long>("select count(*) from audit") <= 50 * 101 + 102);
        Assert.Equal(flood, Single<long>("select sum(coalesce(repeated, 1)) from audit where issuer is null"));
        Assert.Equal(4950, Single<long>("select repeated from audit where address = '203.0.113.1' and repeated is not null"));
        Assert.Empty(Problems());
    }

    [Fact]
    public async Task Text_that_somebody_else_chose_stays_in_its_field()
    {
        var audit = Start();
        await audit.RecordAsync(Record() with { Client = "a\r\n{\"decision\":\"allow\"}\u001b[31m\u0000b", Target = "\"; drop table audit; --" }, TestContext.Current.CancellationToken);
        await CloseAsync();

        Assert.Empty(Problems());
        var line = Assert.Single(new AuditVerification(File, AnchorFile).Export());
        Assert.DoesNotContain('\n', line);
        Assert.DoesNotContain('\u001b', line);
        Assert.Equal("a\r\n{\"decision\":\"allow\"}\u001b[31m\u0000b", System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("client").GetString());
    }

    [Fact]
    public async Task The_command_says_whether_it_is_whole_and_writes_it_out()
    {
        await using var server = await Server.StartAsync();
        await server.CallAsync(await server.Tokens.OfAsync("alice", "projects:read"), "list_projects", new { });

        var whole = await ServerProcess.RunAsync(["audit", "verify"], ("Storage__Directory", server.Storage));
        var export = await ServerProcess.RunAsync(["audit", "export"], ("Storage__Directory", server.Storage));
        var unknown = await ServerProcess.RunAsync(["audit", "vrify"], ("Storage__Directory", server.Storage));
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(server.Storage, "audit.db")};Pooling=False"))
        {
            connection.Open();
            connection.Execute("update audit set decision = 'deny' where sequence = 1");
        }

        var broken = await ServerProcess.RunAsync(["audit", "verify"], ("Storage__Directory", server.Storage));
        var elsewhere = await ServerProcess.RunAsync(["audit", "verify"], ("Storage__Directory", Path.Combine(server.Storage, "keys")));

        Assert.True(whole.ExitCode == 0, whole.Output + whole.Error);
        Assert.StartsWith("The audit is whole: ", whole.Output, StringComparison.Ordinal);
        Assert.Contains("\"target\":\"list_projects\"", export.Output, StringComparison.Ordinal);
        Assert.Equal(2, unknown.ExitCode);
        Assert.Equal(1, broken.ExitCode);
        Assert.StartsWith("Record 1 is not what was written there", broken.Output, StringComparison.Ordinal);
        Assert.Equal(1, elsewhere.ExitCode);
        Assert.StartsWith("The audit cannot be read", elsewhere.Error, StringComparison.Ordinal);
    }

    private static string Text(DateTimeOffset time) => McpFilesServer.Data.Database.Text(time);

    private static AuditRecord Record() => new()
    {
        Kind = "decision",
        Decision = "allow",
        Reason = "scopes_held",
        PolicyVersion = "p",
        Issuer = "https://idp.example.com/",
        Subject = "alice",
        Bytes = 5,
    };

    private AuditDatabase Open() => new(new Database(File, "AuditSchema"), new AuditAnchor(AnchorFile), _time);

    private Audit Start(int perMinute = 60) => _audit ??= new Audit(Open(), new AuditOptions { AnonymousPerMinute = perMinute }, Metrics, _time, NullLogger<Audit>.Instance);

    private async Task RecordAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Start().RecordAsync(Record(), TestContext.Current.CancellationToken);
        }
    }

    private async Task CloseAsync()
    {
        if (_audit is not null)
        {
            await _audit.DisposeAsync();
            _audit = null;
        }

        SqliteConnection.ClearAllPools();
    }

    private IReadOnlyList<string> Problems() => new AuditVerification(File, AnchorFile).Problems(out _, out _);

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        connection.Execute(sql);
    }

    private T Single<T>(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        return connection.QuerySingle<T>(sql);
    }
}
