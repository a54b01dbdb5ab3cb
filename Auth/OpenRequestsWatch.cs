namespace McpFilesServer.Auth;

/// <summary>
/// Ends what is open with a token that no longer counts. The tokens of all open requests are looked at again every two seconds, which takes two seconds at
/// most. A request whose token could not be looked at for four seconds ends too, so that nothing outlives its token by five seconds, also
/// when the revocations cannot be read.
/// </summary>
internal sealed class OpenRequestsWatch(OpenRequests open, TokenStanding standing, IAudit audit, Surface surface, TimeProvider time, ILogger<OpenRequestsWatch> log) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>A token that was looked at less long ago waits for the next round: most requests are answered by then.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(0.5);

    private static readonly TimeSpan LongestUnchecked = TimeSpan.FromSeconds(4);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RoundAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogError(e, "Open requests could not be looked at");
            }
        }
    }

    private async Task RoundAsync(CancellationToken stoppingToken)
    {
        var ending = new List<(OpenRequest Request, string Reason)>();
        var due = open.Unchecked(Recent);
        var now = time.GetUtcNow();
        ending.AddRange(due.Where(request => request.EndsWithToken && request.Caller.ExpiresAt <= now).Select(request => (request, "token_expired")));
        await CheckAsync(due.Except(ending.Select(end => end.Request)), now, ending, stoppingToken);
        ending.AddRange(open.Unchecked(LongestUnchecked).Except(ending.Select(end => end.Request)).Select(request => (request, "token_unchecked")));

        // Recorded on the side: an audit that is slow must not hold up the next round.
        _ = RecordAsync(ending.Where(end => end.Request.End()).ToList(), stoppingToken);
    }

    private async Task RecordAsync(IEnumerable<(OpenRequest Request, string Reason)> ended, CancellationToken stoppingToken)
    {
        foreach (var (request, reason) in ended)
        {
            try
            {
                await audit.RecordAsync(Record(request, reason), stoppingToken);
            }
            catch (Exception e)
            {
                log.LogError(e, "A request was ended ({Reason}), and that could not be recorded", reason);
            }
        }
    }

    /// <summary>Looks each token up once, however many requests it has open.</summary>
    private async Task CheckAsync(IEnumerable<OpenRequest> requests, DateTimeOffset now, List<(OpenRequest Request, string Reason)> ending, CancellationToken stoppingToken)
    {
        using var timeout = new CancellationTokenSource(Period, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stoppingToken);
        var tokens = requests.GroupBy(request => (request.Caller.Issuer, request.Caller.TokenId)).Select(group => group.ToList()).ToList();
        if (tokens.Count == 0)
        {
            return;
        }

        var began = time.GetTimestamp();
        try
        {
            // Of a token that has expired an issuer knows nothing any more; whether it was revoked still counts.
            var standings = await standing.CheckAsync(
                [.. tokens.Select(group => (group[0].Caller, group[0].Caller.ExpiresAt > now ? group[0].Token : null))], deadline.Token);
            foreach (var (group, stands) in tokens.Zip(standings))
            {
                group.Where(_ => stands.Caller is not null).ToList().ForEach(request => request.Checked(began));
                ending.AddRange(group.Where(_ => stands.Fault is { Unavailable: false }).Select(request => (request, stands.Fault!.Reason)));
            }
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            log.LogWarning("The tokens of {Count} open requests could not be looked at in time", tokens.Count);
        }
    }

    private AuditRecord Record(OpenRequest request, string reason) => AuditRecord.OfRevocation("deny", reason, surface.PolicyVersion) with
    {
        TraceId = request.TraceId?.ToString(),
        Address = request.Address?.ToString(),
        Issuer = request.Caller.Issuer,
        Subject = request.Caller.Subject,
        Client = request.Caller.Client,
        TokenId = request.Caller.TokenId,
        Method = request.Operation?.Method,
        Target = request.Operation?.Target,
    };
}
