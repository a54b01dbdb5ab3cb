using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
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
    private readonly ConcurrentQueue<double> _exchanges = new();
    private readonly ConcurrentQueue<double> _answers = new();

    private BenchIssuer()
    {
        Authority = $"http://localhost:{BenchServer.FreePort()}";
        _credentials = new SigningCredentials(new RsaSecurityKey(_rsa) { KeyId = "bench" }, SecurityAlgorithms.RsaSha256);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var (http, https) = (new Uri(Authority).Port, BenchServer.FreePort());
        Secure = $"https://localhost:{https}/obo";
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenLocalhost(http);
            kestrel.ListenLocalhost(https, listen => listen.UseHttps(Certificate));
        });
        _app = builder.Build();
        var key = _rsa.ExportParameters(includePrivateParameters: false);
        var keys = new { keys = (object[])[new { kty = "RSA", use = "sig", kid = "bench", n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) }] };
        _app.MapGet("/.well-known/openid-configuration", () => new { issuer = Authority, jwks_uri = $"{Authority}/keys" });
        _app.MapGet("/keys", () => keys);
        // MSAL takes the issuer at an https address only, and compares its name with it.
        _app.MapGet("/obo/.well-known/openid-configuration", () => new { issuer = Secure, authorization_endpoint = $"{Secure}/authorize", token_endpoint = $"{Secure}/token", jwks_uri = $"{Authority}/keys" });
        _app.MapPost("/obo/token", http => TimedAsync(_exchanges, http, new { access_token = "exchanged", token_type = "Bearer", expires_in = 300, scope = "User.ReadBasic.All" }));
        _app.MapPost("/token", http => TimedAsync(_exchanges, http, new { access_token = "exchanged", issued_token_type = "urn:ietf:params:oauth:token-type:access_token", token_type = "Bearer", expires_in = 300 }));
        _app.MapGet("/v1.0/users", http => TimedAsync(_answers, http, new { value = (object[])[new { id = "1", displayName = "Alice" }] }));
    }

    public string Authority { get; }

    /// <summary>The same issuer for MSAL, with a certificate that nobody knows but who is given it.</summary>
    public string Secure { get; }

    /// <summary>For <c>localhost</c>, of an hour.</summary>
    public X509Certificate2 Certificate { get; } = ForLocalhost();

    /// <summary>How long each exchange took here, in milliseconds: from when its form had come until its answer had gone.</summary>
    public IReadOnlyCollection<double> Exchanges => _exchanges;

    /// <summary>The same of the answers of the API that the tokens are for.</summary>
    public IReadOnlyCollection<double> Answers => _answers;

    public void Forget()
    {
        _exchanges.Clear();
        _answers.Clear();
    }

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

    private static X509Certificate2 ForLocalhost()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddMinutes(-5), now.AddHours(1));
    }

    private static async Task TimedAsync(ConcurrentQueue<double> times, HttpContext http, object answer)
    {
        var begun = Stopwatch.GetTimestamp();
        if (http.Request.HasFormContentType)
        {
            _ = await http.Request.ReadFormAsync();
        }

        await http.Response.WriteAsJsonAsync(answer);
        await http.Response.CompleteAsync();
        times.Enqueue(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _rsa.Dispose();
    }
}
