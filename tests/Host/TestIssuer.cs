using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Tests.Host;

/// <summary>An issuer that does what a test tells it to: rotates keys, lies, hangs, is away. It counts how often its keys are fetched.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _path;
    private readonly List<(string Kid, RSA Key)> _keys = [];
    private int _fetches;

    /// <param name="path">What stands behind the host in the authority, such as <c>/organizations/v2.0</c>.</param>
    public TestIssuer(string path = "")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        Url = $"http://localhost:{Server.FreePort()}";
        builder.WebHost.UseUrls(Url);
        _path = path;
        Name = Authority;
        Rotate();
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public string Url { get; }

    public string Authority => Url + _path;

    /// <summary>What it calls itself in its discovery document.</summary>
    public string Name { get; set; }

    /// <summary>Whether it is an authorization server and no OpenID provider, so that its document is elsewhere (RFC 8414 §3.1).</summary>
    public bool OAuthOnly { get; set; }

    /// <summary>What happens instead of an answer.</summary>
    public Func<HttpContext, Task>? Instead { get; set; }

    /// <summary>Its introspection endpoint; null when it has none.</summary>
    public Func<HttpContext, Task>? Introspect { get; set; }

    /// <summary>Its token endpoint; null when it has none.</summary>
    public Func<HttpContext, Task>? Exchange { get; set; }

    public int Fetches => _fetches;

    public static async Task<TestIssuer> StartAsync(string path = "")
    {
        var issuer = new TestIssuer(path);
        await issuer._app.StartAsync();
        return issuer;
    }

    /// <summary>Publishes a new key, which signs from now on; the one before stays published.</summary>
    public void Rotate()
    {
        lock (_keys)
        {
            _keys.Add(($"key-{_keys.Count}", RSA.Create(2048)));
        }
    }

    /// <summary>Publishes the first key no more.</summary>
    public void Withdraw()
    {
        lock (_keys)
        {
            _keys.RemoveAt(0);
        }
    }

    /// <summary>A good token of alice for this resource, but for what is changed.</summary>
    public string Token(string resource, Action<JsonObject>? claims = null, Action<JsonObject>? header = null, RSA? key = null)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var payload = new JsonObject
        {
            ["iss"] = Authority,
            ["aud"] = resource,
            ["sub"] = "somebody",
            ["client_id"] = "c1",
            ["jti"] = Guid.NewGuid().ToString(),
            ["iat"] = now,
            ["exp"] = now + 300,
            ["scope"] = "projects:read",
        };
        (string Kid, RSA Key) signer;
        lock (_keys)
        {
            signer = _keys[^1];
        }

        var head = new JsonObject { ["alg"] = "RS256", ["typ"] = "at+jwt", ["kid"] = signer.Kid };
        claims?.Invoke(payload);
        header?.Invoke(head);
        lock (_keys)
        {
            return Tokens.Sign(head.ToJsonString(), payload.ToJsonString(), key ?? signer.Key);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        _keys.ForEach(key => key.Key.Dispose());
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (Instead is { } instead)
        {
            await instead(context);
        }
        else if (context.Request.Path == "/introspect" && Introspect is { } introspect)
        {
            await introspect(context);
        }
        else if (context.Request.Path == "/token" && Exchange is { } exchange)
        {
            await exchange(context);
        }
        else if (context.Request.Path == "/keys")
        {
            Interlocked.Increment(ref _fetches);
            JsonNode[] keys;
            lock (_keys)
            {
                keys = [.. _keys.Select(key => (JsonNode)new JsonObject
                {
                    ["kty"] = "RSA",
                    ["use"] = "sig",
                    ["kid"] = key.Kid,
                    ["n"] = Base64UrlEncoder.Encode(key.Key.ExportParameters(false).Modulus),
                    ["e"] = Base64UrlEncoder.Encode(key.Key.ExportParameters(false).Exponent),
                })];
            }

            await context.Response.WriteAsync(new JsonObject { ["keys"] = new JsonArray(keys) }.ToJsonString());
        }
        else if (context.Request.Path == (OAuthOnly ? $"/.well-known/oauth-authorization-server{_path}" : $"{_path}/.well-known/openid-configuration"))
        {
            await context.Response.WriteAsync(new JsonObject { ["issuer"] = Name, ["jwks_uri"] = $"{Url}/keys" }.ToJsonString());
        }
        else
        {
            context.Response.StatusCode = 404;
        }
    }
}
