using McpFilesServer.Auth;

namespace McpFilesServer.Data;

/// <summary>
/// Keeps strangers from filling the audit: what is refused without a valid token is recorded one by one up to a budget for each address and minute; the others
/// are counted, and become one record for each address when the minute is over.
/// </summary>
internal sealed class AnonymousRecords(int perAddress, TimeProvider time)
{
    private const int AddressesCounted = 1000;
    private const int InTotal = 100;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (int Seen, AuditRecord Last)> _addresses = new(StringComparer.Ordinal);
    private DateTimeOffset _ends;
    private int _admitted;

    /// <summary>Whether a record is written by itself. One that is not has been counted.</summary>
    public bool Admits(AuditRecord record)
    {
        lock (_lock)
        {
            if (_addresses.Count == 0)
            {
                _ends = time.GetUtcNow() + TimeSpan.FromMinutes(1);
                _admitted = 0;
            }

            // Addresses beyond what is counted share one line: an attacker has as many as he likes.
            var address = record.Address is { } known && (_addresses.ContainsKey(known) || _addresses.Count < AddressesCounted) ? known : "";
            var seen = _addresses.TryGetValue(address, out var entry) ? entry.Seen + 1 : 1;
            var admits = seen <= perAddress && _admitted < perAddress * InTotal;
            _admitted += admits ? 1 : 0;
            _addresses[address] = (admits ? seen : Math.Max(seen, perAddress + 1), record);
            return admits;
        }
    }

    /// <summary>The records of what was only counted, when the minute is over or <paramref name="now"/> says not to wait.</summary>
    public IReadOnlyList<AuditRecord> Counted(bool now = false)
    {
        lock (_lock)
        {
            if (_addresses.Count == 0 || (!now && time.GetUtcNow() < _ends))
            {
                return [];
            }

            var counted = _addresses.Where(entry => entry.Value.Seen > perAddress).Select(entry => new AuditRecord
            {
                Kind = "decision",
                Decision = "deny",
                Reason = "refused_without_token",
                PolicyVersion = entry.Value.Last.PolicyVersion,
                Address = entry.Key.Length > 0 ? entry.Key : null,
                Repeated = entry.Value.Seen - perAddress,
            }).ToList();
            _addresses.Clear();
            return counted;
        }
    }
}
