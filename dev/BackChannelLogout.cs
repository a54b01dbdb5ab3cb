using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Dev;

/// <summary>A grant that is over.</summary>
internal sealed record EndedGrant(string Sid, string Subject);

/// <summary>
/// Tells the server that grants have ended (OpenID Connect Back-Channel Logout 1.0 §2.5), so that their access tokens, which nobody else could call back,
/// stop working there too. Whoever ended the grant waits a moment for the answer. A server that does not give one is asked again in the background, with
/// growing pauses, until the tokens have run out by themselves.
/// </summary>
internal sealed class BackChannelLogout(DevOptions options, Keys keys, TimeProvider time, ILogger<BackChannelLogout> log) : IAsyncDisposable
{
    private const int MaximumWaiting = 256;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>How long after a grant's end an access token of it can still be taken for good: its lifetime, and the difference of two clocks.</summary>
    private readonly TimeSpan _worthTelling = options.AccessTokenLifetime + TimeSpan.FromSeconds(30);

    private readonly Uri _endpoint = new(new Uri(options.Resource), "/backchannel-logout");
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = Patience }) { Timeout = Patience };
    private readonly JsonWebTokenHandler _tokens = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly SigningCredentials _credentials = new(keys.Signing, SecurityAlgorithms.RsaSha256);
    private readonly ConcurrentDictionary<Task, EndedGrant> _waiting = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Returns when the server has confirmed all of them, or has not within two seconds.</summary>
    /// <returns>Whether it has confirmed all.</returns>
    public async Task<bool> TellAsync(IReadOnlyList<EndedGrant> ended)
    {
        var confirmed = await Task.WhenAll(ended.Select(grant => TryAsync(grant, LogLevel.Warning, _stopping.Token)));

        foreach (var (grant, answer) in ended.Zip(confirmed).Where(pair => pair.Second is Answer.Later))
        {
            AgainLater(grant);
        }

        return Array.TrueForAll(confirmed, answer => answer is Answer.Confirmed);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_waiting.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
        _http.Dispose();
    }

    private void AgainLater(EndedGrant grant)
    {
        if (_waiting.Count >= MaximumWaiting)
        {
            log.LogWarning("Too many ended sessions wait for the server: it will not be told of {Sid}, whose tokens end by themselves", grant.Sid);
            return;
        }

        var again = InsistAsync(grant, time.GetUtcNow(), _stopping.Token);
        _waiting[again] = grant;
        _ = again.ContinueWith(done => _waiting.TryRemove(done, out _), TaskScheduler.Default);
    }

    private async Task InsistAsync(EndedGrant grant, DateTimeOffset since, CancellationToken cancellationToken)
    {
        for (var pause = FirstPause; time.GetUtcNow() - since < _worthTelling; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            await Task.Delay(pause, time, cancellationToken);

            if (await TryAsync(grant, LogLevel.Debug, cancellationToken) is not Answer.Later)
            {
                return;
            }
        }

        log.LogWarning("The server was never told that session {Sid} has ended. The tokens of that session have run out by now", grant.Sid);
    }

    /// <summary>A new token each time: the server takes none twice, and may have taken the last one although its answer was lost. Only the first failure is a warning.</summary>
    private async Task<Answer> TryAsync(EndedGrant grant, LogLevel level, CancellationToken cancellationToken)
    {
        try
        {
            using var form = new FormUrlEncodedContent([new("logout_token", Token(grant))]);
            using var response = await _http.PostAsync(_endpoint, form, cancellationToken);

            if (response.IsSuccessStatusCode)
            {
                return Answer.Confirmed;
            }

            log.Log(level, "The server answered {Status} at {Endpoint} when it was told that session {Sid} has ended", (int)response.StatusCode, _endpoint, grant.Sid);

            return response.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError ? Answer.Later : Answer.Refused;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException && !_stopping.IsCancellationRequested)
        {
            log.Log(level, "The server could not be told at {Endpoint} that session {Sid} has ended: {Reason}", _endpoint, grant.Sid, exception.Message);

            return Answer.Later;
        }
    }

    /// <summary>§2.4. No nonce, so that it can never pass for an id token, and a type of its own, so that it can never pass for an access token.</summary>
    private string Token(EndedGrant grant)
    {
        var now = time.GetUtcNow();

        return _tokens.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = options.Issuer,
            Audience = options.ServerClientId,
            IssuedAt = now.UtcDateTime,
            Expires = now.AddMinutes(2).UtcDateTime,
            TokenType = "logout+jwt",
            SigningCredentials = _credentials,
            Claims = new Dictionary<string, object>
            {
                ["jti"] = Guid.NewGuid().ToString(),
                ["sub"] = grant.Subject,
                [Grants.Sid] = grant.Sid,
                ["events"] = new Dictionary<string, object> { ["http://schemas.openid.net/event/backchannel-logout"] = new Dictionary<string, object>() },
            },
        });
    }

    private enum Answer
    {
        Confirmed,
        Later,
        Refused,
    }
}
