using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Tests.Host;

/// <summary>Access tokens: real ones from the development provider, and forged ones, made with its key or with another.</summary>
internal sealed class Tokens(Server server)
{
    public const string Alice = "7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01";
    public const string Bob = "b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02";

    /// <summary>A token as <c>dotnet run -- token</c> gets it.</summary>
    public async Task<string> OfAsync(string user, string scopes)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "urn:mcp-files-server:dev-token",
            ["client_id"] = "dev-cli",
            ["client_secret"] = await File.ReadAllTextAsync(Path.Combine(server.Storage, "dev", "dev-cli.secret")),
            ["username"] = user,
            ["scope"] = scopes,
            ["resource"] = server.Resource,
        });
        using var response = await server.Http.PostAsync(new Uri(server.Provider, "token"), form);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return body.RootElement.TryGetProperty("access_token", out var token) ? token.GetString()! : throw new InvalidOperationException(body.RootElement.GetRawText());
    }

    /// <summary>A good token of alice, but for what is changed: null takes a claim away.</summary>
    public string Forge(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, RSA? key = null)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var payload = new JsonObject
        {
            ["iss"] = server.Provider.AbsoluteUri,
            ["aud"] = server.Resource,
            ["sub"] = Alice,
            ["client_id"] = "c1",
            ["jti"] = Guid.NewGuid().ToString(),
            ["iat"] = now,
            ["exp"] = now + 300,
            ["scope"] = "files:read projects:read",
        };
        using var own = RSA.Create();
        own.ImportFromPem(File.ReadAllText(Path.Combine(server.Storage, "dev", "signing.key")));
        var head = new JsonObject
        {
            ["alg"] = "RS256",
            ["typ"] = "at+jwt",
            ["kid"] = Base64UrlEncoder.Encode(new RsaSecurityKey(own.ExportParameters(false)).ComputeJwkThumbprint()),
        };
        claims?.Invoke(payload);
        header?.Invoke(head);
        return Sign(head.ToJsonString(), payload.ToJsonString(), key ?? own);
    }

    /// <summary>A good logout token for alice's session <c>s1</c>, but for what is changed.</summary>
    public string ForgeLogout(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, RSA? key = null) => Forge(
        payload =>
        {
            foreach (var name in (string[])["client_id", "scope"])
            {
                payload.Remove(name);
            }

            payload["aud"] = "mcp-files-server";
            payload["exp"] = payload["iat"]!.GetValue<long>() + 120;
            payload["sid"] = "s1";
            payload["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() };
            claims?.Invoke(payload);
        },
        head =>
        {
            head["typ"] = "logout+jwt";
            header?.Invoke(head);
        },
        key);

    /// <summary>Signs these very texts, whatever they are.</summary>
    public static string Sign(string header, string payload, RSA key)
    {
        var signed = $"{Base64UrlEncoder.Encode(header)}.{Base64UrlEncoder.Encode(payload)}";
        return $"{signed}.{Base64UrlEncoder.Encode(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    /// <summary>The provider's own key.</summary>
    public RSA Key()
    {
        var key = RSA.Create();
        key.ImportFromPem(File.ReadAllText(Path.Combine(server.Storage, "dev", "signing.key")));
        return key;
    }
}
