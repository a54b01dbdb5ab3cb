namespace McpFilesServer.Auth;

/// <summary>
/// Access tokens of Microsoft Entra ID (v2.0), which are not RFC 9068's: <c>typ</c> is JWT as in an ID token, so that what tells them apart has to be
/// looked at. The subject is <c>oid</c>, because <c>sub</c> differs for each application.
/// </summary>
internal static class Entra
{
    public static readonly string[] Types = ["JWT"];

    private static readonly string[] Required = ["iss", "oid", "tid", "azp", "uti"];

    /// <summary>The issuer of a tenant's tokens: the authority with that tenant, as in <c>https://login.microsoftonline.com/{tenant}/v2.0</c>.</summary>
    public static string IssuerOf(string authority, string tenant)
    {
        var uri = new Uri(authority);
        return $"{uri.Scheme}://{uri.Authority}/{tenant}/v2.0";
    }

    public static string? Fault(TokenClaims claims, IssuerOptions issuer)
    {
        foreach (var name in Required)
        {
            if (claims.Text(name) is null)
            {
                return $"token_claim_{name}";
            }
        }

        return claims switch
        {
            _ when claims.Text("ver") != "2.0" => "token_claim_ver",
            // An ID token says for which sign-in it is. An access token never does.
            _ when claims.Has("nonce") => "token_is_id_token",
            // All tenants share their keys, so the signature says nothing about the tenant (RFC 8725 §3.8).
            _ when !issuer.AllowedTenants.Contains(claims.Text("tid")!) => "token_tenant_not_allowed",
            _ when claims.Text("iss") != IssuerOf(issuer.Authority, claims.Text("tid")!) => "token_tenant_differs",
            _ when !IsApplication(claims) && claims.Scope("scp") is null => "token_claim_scp",
            _ => null,
        };
    }

    public static Caller CallerOf(TokenClaims claims) => Caller.Of(
        claims, claims.Text("oid")!, claims.Text("azp")!, claims.Text("uti")!, claims.Scope("scp"), IsApplication(claims));

    /// <summary>An application that acts for nobody: it says so, or it has roles and no delegated scope.</summary>
    private static bool IsApplication(TokenClaims claims) => claims.Text("idtyp") == "app" || (!claims.Has("scp") && claims.Has("roles"));
}
