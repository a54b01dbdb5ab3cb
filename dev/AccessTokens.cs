using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;

namespace McpFilesServer.Dev;

/// <summary>Reads this provider's own access tokens as strictly as any resource server must (RFC 9068 §4), and makes those for the Graph stand-in.</summary>
internal sealed class AccessTokens(DevOptions options, Keys keys, TimeProvider time)
{
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, SetDefaultTimesOnTokenCreation = false };
    private readonly SigningCredentials _credentials = new(keys.Signing, SecurityAlgorithms.RsaSha256);

    /// <summary>The token, or nothing when any part of it is not exactly right.</summary>
    public async Task<JsonWebToken?> ReadAsync(string token, string audience)
    {
        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = options.Issuer,
            IssuerSigningKey = keys.Signing,
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
            ValidTypes = [OpenIddictConstants.JsonWebTokenTypes.AccessToken],
            AudienceValidator = (audiences, _, _) => audiences.SequenceEqual([audience], StringComparer.Ordinal),
            LifetimeValidator = (_, expires, _, _) => expires > time.GetUtcNow().UtcDateTime,
            RequireExpirationTime = true,
        });

        return result.IsValid ? (JsonWebToken)result.SecurityToken : null;
    }

    /// <summary>A token for the Graph stand-in, in the name of a user: <c>scp</c> as Entra writes it, <c>scope</c> as RFC 9068 does.</summary>
    public string ForGraph(string subject, string name, IEnumerable<string> scopes)
    {
        var now = time.GetUtcNow();
        var spaced = string.Join(' ', scopes);

        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = options.Issuer,
            Audience = options.Graph,
            IssuedAt = now.UtcDateTime,
            Expires = now.Add(options.AccessTokenLifetime).UtcDateTime,
            TokenType = OpenIddictConstants.JsonWebTokenTypes.AccessToken,
            SigningCredentials = _credentials,
            Claims = new Dictionary<string, object>
            {
                ["sub"] = subject,
                ["name"] = name,
                ["client_id"] = options.ServerClientId,
                ["azp"] = options.ServerClientId,
                ["jti"] = Guid.NewGuid().ToString(),
                ["scope"] = spaced,
                ["scp"] = spaced,
            },
        });
    }
}
