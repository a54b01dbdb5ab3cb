using System.Text.Json.Nodes;
using Xunit;

namespace McpFilesServer.Tests.Dev;

public sealed class MetadataTests(SharedDevServer shared) : IClassFixture<SharedDevServer>
{
    /// <summary>All of it, word for word, because clients act on every member. What is not offered is not in it.</summary>
    private const string Metadata = """
        {
          "issuer": "{issuer}",
          "authorization_endpoint": "{issuer}authorize",
          "token_endpoint": "{issuer}token",
          "introspection_endpoint": "{issuer}introspect",
          "revocation_endpoint": "{issuer}revoke",
          "registration_endpoint": "{issuer}register",
          "jwks_uri": "{issuer}jwks",
          "grant_types_supported": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:mcp-files-server:dev-token"],
          "response_types_supported": ["code"],
          "response_modes_supported": ["query"],
          "scopes_supported": ["openid", "offline_access", "projects:read", "files:read", "files:write"],
          "claims_supported": ["aud", "exp", "iat", "iss", "sub", "name", "sid"],
          "id_token_signing_alg_values_supported": ["RS256"],
          "code_challenge_methods_supported": ["S256"],
          "subject_types_supported": ["public"],
          "prompt_values_supported": ["consent", "none", "select_account"],
          "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
          "introspection_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
          "revocation_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
          "require_pushed_authorization_requests": false,
          "tls_client_certificate_bound_access_tokens": false,
          "claims_parameter_supported": false,
          "request_parameter_supported": false,
          "request_uri_parameter_supported": false,
          "authorization_response_iss_parameter_supported": true,
          "client_id_metadata_document_supported": true,
          "backchannel_logout_supported": true,
          "backchannel_logout_session_supported": true
        }
        """;

    [Theory]
    [InlineData("/.well-known/oauth-authorization-server")]
    [InlineData("/.well-known/openid-configuration")]
    public async Task The_metadata_is_exactly_this(string path)
    {
        var expected = JsonNode.Parse(Metadata.Replace("{issuer}", shared.Server.Issuer, StringComparison.Ordinal))!.AsObject();
        var actual = JsonNode.Parse(await shared.Server.Http.GetStringAsync(path, TestContext.Current.CancellationToken))!.AsObject();

        Assert.Equal(Sorted(expected), Sorted(actual));
    }

    private static string[] Sorted(JsonObject body) => [.. body.Select(member => $"{member.Key}: {member.Value!.ToJsonString()}").Order(StringComparer.Ordinal)];
}
