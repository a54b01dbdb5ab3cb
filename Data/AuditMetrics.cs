using System.Diagnostics.Metrics;
using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>What the audit measures. Labels are words of this program.</summary>
internal sealed class AuditMetrics
{
    private readonly Meter _meter;
    private readonly Counter<long> _records;
    private readonly Counter<long> _failures;
    private readonly Histogram<double> _commits;

    public AuditMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("McpFilesServer");
        _records = _meter.CreateCounter<long>("mcp_files_server.audit.records", "{record}", "Records written to the audit, by kind, decision and reason.");
        _failures = _meter.CreateCounter<long>("mcp_files_server.audit.failures", "{record}", "Records that could not be written; what they were to record was refused, or they are tried again.");
        _commits = _meter.CreateHistogram<double>("mcp_files_server.audit.commit.duration", "s", "Commits of the audit, each with all records that waited for it.");
    }

    /// <summary>Shows how many records wait to be written.</summary>
    public void Observe(Func<int> waiting) =>
        _meter.CreateObservableUpDownCounter("mcp_files_server.audit.queue", waiting, "{record}", "Records that wait to be written.");

    public void Written(IEnumerable<AuditRecord> records, TimeSpan took)
    {
        _commits.Record(took.TotalSeconds);
        if (_records.Enabled)
        {
            foreach (var record in records)
            {
                _records.Add(1, new("kind", record.Kind), new("decision", record.Decision), new("reason", record.Reason));
            }
        }
    }

    public void Failed(int records) => _failures.Add(records);
}
