namespace McpFilesServer.Auth;

/// <summary>
/// Counts the subscription streams that each person holds open. A stream costs a connection and a look at the disk every second for as long as its token
/// lives, so there is a limit, and it is on the validated identity: more clients or more tokens of one person do not make more of it.
/// </summary>
internal sealed class OpenStreams(LimitsOptions limits)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Issuer, string Subject), int> _open = [];

    /// <summary>How many people hold a stream.</summary>
    public int Holders
    {
        get
        {
            lock (_gate)
            {
                return _open.Count;
            }
        }
    }

    /// <summary>Takes a place for a stream, until the request has ended, however it ends.</summary>
    /// <returns>False when the person has none left.</returns>
    public bool TryOpen(Caller caller, HttpContext http)
    {
        var holder = (caller.Issuer, caller.Subject);
        lock (_gate)
        {
            var open = _open.GetValueOrDefault(holder);
            if (open >= limits.Streams)
            {
                return false;
            }

            _open[holder] = open + 1;
        }

#pragma warning disable CA2000 // The response disposes it.
        http.Response.RegisterForDispose(new StreamPlace(this, holder));
#pragma warning restore CA2000
        return true;
    }

    private void Close((string Issuer, string Subject) holder)
    {
        lock (_gate)
        {
            // Who holds none is forgotten, or the list would grow with everybody who ever came.
            if (--_open[holder] == 0)
            {
                _open.Remove(holder);
            }
        }
    }

    private sealed class StreamPlace(OpenStreams streams, (string Issuer, string Subject) holder) : IDisposable
    {
        private int _closed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) == 0)
            {
                streams.Close(holder);
            }
        }
    }
}
