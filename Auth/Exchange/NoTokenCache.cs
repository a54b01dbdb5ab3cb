using Microsoft.Identity.Client;
using Microsoft.Identity.Web.TokenCacheProviders;

namespace McpFilesServer.Auth;

/// <summary>
/// The token cache of a server that keeps no tokens: nothing is written, and each time that MSAL looks it finds nothing and forgets what it has. MSAL's
/// own would grow with every caller, and hold for an hour what must be gone after a call.
/// </summary>
internal sealed class NoTokenCache : MsalAbstractTokenCacheProvider
{
    protected override Task<byte[]?> ReadCacheBytesAsync(string cacheKey) => Task.FromResult<byte[]?>(null);

    protected override Task WriteCacheBytesAsync(string cacheKey, byte[] bytes) => Task.CompletedTask;

    protected override Task RemoveKeyAsync(string cacheKey) => Task.CompletedTask;

    /// <summary>MSAL passes over the look-up when it has no key to look up, and would forget nothing.</summary>
    public override string GetSuggestedCacheKey(TokenCacheNotificationArgs args) => "nothing";
}
