using System.Text.Json;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace McpFilesServer.Auth;

/// <summary>The issuer's keys could not be had, so that its tokens can be neither accepted nor refused.</summary>
internal sealed class IssuerUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The signing keys of one issuer, from its discovery document. A token that names an unknown key causes a fetch: one that brings new keys is
/// free, so that a rollover fails nobody; one that brings nothing starts a pause, so that junk cannot make this server flood its issuer.
/// </summary>
internal sealed class IssuerKeys(IssuerOptions issuer, KeyDocuments documents, TimeProvider time, Hints hints) : IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <summary>After a fetch for an unknown key that brought nothing new.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>After a fetch that failed.</summary>
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    /// <summary>After this a fetch is made on the side, so that keys that the issuer withdrew go away here too.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(5);

    /// <summary>Keys older than this are not used any more, however long the issuer is away.</summary>
    private static readonly TimeSpan Stale = TimeSpan.FromHours(12);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Keys? _keys;
    private Task _fetch = Task.CompletedTask;
    private DateTimeOffset _notBefore;
    private Exception? _failure;

    /// <summary>What the issuer says of itself, with its keys.</summary>
    /// <exception cref="IssuerUnavailableException">There is nothing recent enough.</exception>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        if (_keys is { } keys && now - keys.Fetched < Fresh)
        {
            return keys.Configuration;
        }

        var fetch = FetchOnce(null);
        if (_keys is { } old && now - old.Fetched < Stale)
        {
            return old.Configuration;
        }

        await fetch.WaitAsync(cancel);
        return _keys is { } fetched && now - fetched.Fetched < Stale ? fetched.Configuration
            : throw new IssuerUnavailableException($"The issuer {issuer.Authority} cannot be reached.", _failure);
    }

    /// <summary>Makes sure that a key is there when the issuer has it, and says whether it is.</summary>
    /// <exception cref="IssuerUnavailableException">The key is unknown, and the issuer cannot be asked.</exception>
    public async Task<bool> HasAsync(string kid, CancellationToken cancel)
    {
        await GetConfigurationAsync(cancel);
        // The second round is for one who joined a fetch that had begun before the issuer published his key.
        for (var round = 0; round < 2 && !_keys!.Ids.Contains(kid); round++)
        {
            await FetchOnce(kid).WaitAsync(cancel);
            if (_failure is { } failure && !_keys.Ids.Contains(kid))
            {
                throw new IssuerUnavailableException($"The issuer {issuer.Authority} cannot be reached.", failure);
            }
        }

        return _keys!.Ids.Contains(kid);
    }

    /// <summary>Nothing: whether to fetch is decided before a token is validated, not after it failed.</summary>
    public void RequestRefresh()
    {
    }

    /// <summary>One fetch at a time, none during a pause, and none for a key that the last one has brought while its asker was on the way here.</summary>
    private Task FetchOnce(string? unknownKey)
    {
        lock (_gate)
        {
            return !_fetch.IsCompleted || time.GetUtcNow() < _notBefore || (unknownKey is not null && _keys?.Ids.Contains(unknownKey) == true)
                ? _fetch : _fetch = FetchAsync(unknownKey is not null);
        }
    }

    private async Task FetchAsync(bool forUnknownKey)
    {
        // Away from the lock, and not on the request that happened to be first: others wait for the same fetch.
        await Task.Yield();
        try
        {
            using var deadline = new CancellationTokenSource(Deadline, time);
            var configuration = await DiscoverAsync(deadline.Token);
            if (!IsOwn(configuration.Issuer))
            {
                throw new IssuerUnavailableException($"its discovery document is that of {JsonSerializer.Serialize(configuration.Issuer)}. Set Authority to exactly the name that the issuer has for itself.");
            }

            var keys = new Keys(configuration, configuration.SigningKeys.Select(key => key.KeyId).Where(id => id is not null).ToHashSet(StringComparer.Ordinal), time.GetUtcNow());
            var broughtNew = _keys is null || !keys.Ids.IsSubsetOf(_keys.Ids);
            _notBefore = forUnknownKey && !broughtNew ? keys.Fetched + Pause : default;
            _keys = keys;
            _failure = null;
            if (documents.Time is { } there)
            {
                hints.IssuerTime(issuer, there);
            }
        }
        catch (Exception e)
        {
            _failure = e;
            _notBefore = time.GetUtcNow() + Retry;
            hints.IssuerAway(issuer, e);
        }
    }

    /// <summary>An issuer that is no OpenID provider has its document at another place (RFC 8414 §3.1).</summary>
    private async Task<OpenIdConnectConfiguration> DiscoverAsync(CancellationToken cancel)
    {
        var authority = new Uri(issuer.Authority);
        try
        {
            return await OpenIdConnectConfigurationRetriever.GetAsync(issuer.Authority.TrimEnd('/') + "/.well-known/openid-configuration", documents, cancel);
        }
        catch (Exception e) when (KeyDocuments.IsNotFound(e))
        {
            return await OpenIdConnectConfigurationRetriever.GetAsync(
                $"{authority.Scheme}://{authority.Authority}/.well-known/oauth-authorization-server{authority.AbsolutePath.TrimEnd('/')}", documents, cancel);
        }
    }

    /// <summary>The document must be the issuer's own (RFC 8414 §3.3, compared as strings); Entra's for all tenants has a placeholder.</summary>
    private bool IsOwn(string? documentIssuer) =>
        documentIssuer == issuer.Authority
        || (issuer.Profile == TokenProfile.Entra && documentIssuer == Entra.IssuerOf(issuer.Authority, "{tenantid}"));

    private sealed record Keys(OpenIdConnectConfiguration Configuration, HashSet<string> Ids, DateTimeOffset Fetched);
}
