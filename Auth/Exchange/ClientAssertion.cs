using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Auth;

/// <summary>
/// How this server proves to an issuer who it is, without a secret that both know: a short statement that it signs anew for each request
/// (private_key_jwt, RFC 7523 §2.2). Its audience is the issuer's identifier and nothing else, so that no other server can use it (RFC 9700 §2.5).
/// </summary>
internal sealed class ClientAssertion
{
    public const string Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private readonly string _clientId;
    private readonly string _issuer;
    private readonly TimeProvider _time;
    private readonly SigningCredentials _credentials;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    public ClientAssertion(ExchangeOptions options, string clientId, TimeProvider time)
    {
        (_clientId, _issuer, _time) = (clientId, options.Issuer!, time);
        var key = Read(options.KeyFile!);
        key.KeyId = options.KeyId ?? Base64UrlEncoder.Encode(key.ComputeJwkThumbprint());
        _credentials = new SigningCredentials(key, key is RsaSecurityKey ? SecurityAlgorithms.RsaSha256 : SecurityAlgorithms.EcdsaSha256);
    }

    /// <summary>A new one. It counts once, and for a minute.</summary>
    public string Sign()
    {
        var now = _time.GetUtcNow();
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = _clientId,
            Audience = _issuer,
            IssuedAt = now.UtcDateTime,
            Expires = (now + Lifetime).UtcDateTime,
            SigningCredentials = _credentials,
            Claims = new Dictionary<string, object> { ["sub"] = _clientId, ["jti"] = Guid.NewGuid().ToString() },
        });
    }

    /// <summary>The private key in a PEM file; a certificate beside it is passed over.</summary>
    /// <exception cref="CryptographicException">It is no key of a kind that is used here.</exception>
    /// <exception cref="ArgumentException">There is no key in it, or more than one.</exception>
    public static AsymmetricSecurityKey Read(string file)
    {
        var pem = File.ReadAllText(file);
        using var rsa = RSA.Create();
        if (!pem.Contains("BEGIN EC PRIVATE KEY", StringComparison.Ordinal) && TryImport(rsa, pem))
        {
            return rsa.KeySize >= 2048 ? new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: true)) : throw new CryptographicException("The key is too short.");
        }

#pragma warning disable CA2000 // The key that is made from it lives as long as the process.
        var ec = ECDsa.Create();
#pragma warning restore CA2000
        ec.ImportFromPem(pem);
        return ec.KeySize == 256 ? new ECDsaSecurityKey(ec) : throw new CryptographicException("The key is on another curve.");
    }

    private static bool TryImport(RSA rsa, string pem)
    {
        try
        {
            rsa.ImportFromPem(pem);
            return true;
        }
        catch (CryptographicException)
        {
            // PKCS #8 does not say on the outside what is in it.
            return false;
        }
    }
}
