using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Bench;

/// <summary>An issuer on loopback: its keys for the server, and a token for every call, because a server that keeps nothing has no advantage from seeing one again.</summary>
internal sealed class BenchIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly SigningCredentials _credentials;
    private readonly JsonWebTokenHandler _handler = new();

    private BenchIssuer()
    {
        Authority = $"http://localhost:{BenchServer.FreePort()}";
        _credentials = new SigningCredentials(new RsaSecurityKey(_rsa) { KeyId = "bench" }, SecurityAlgorithms.RsaSha256);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Authority);
        _app = builder.Build();
        var key = _rsa.ExportParameters(includePrivateParameters: false);
        var keys = new { keys = (object[])[new { kty = "RSA", use = "sig", kid = "bench", n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) }] };
        _app.MapGet("/.well-known/openid-configuration", () => new { issuer = Authority, jwks_uri = $"{Authority}/keys" });
        _app.MapGet("/keys", () => keys);
    }

    public string Authority { get; }

    public static async Task<BenchIssuer> StartAsync()
    {
        var issuer = new BenchIssuer();
        await issuer._app.StartAsync();
        return issuer;
    }

    public string Token(string resource, string scopes)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Authority,
            Audience = resource,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddMinutes(5),
            TokenType = "at+jwt",
            SigningCredentials = _credentials,
            Claims = new Dictionary<string, object>
            {
                ["sub"] = "somebody",
                ["client_id"] = "bench",
                ["jti"] = Guid.NewGuid().ToString(),
                ["sid"] = Guid.NewGuid().ToString(),
                ["scope"] = scopes,
            },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _rsa.Dispose();
    }
}
