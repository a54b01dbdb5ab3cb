namespace McpFilesServer.Auth;

/// <summary>JWT access tokens as RFC 9068 defines them. The subject is <c>sub</c>.</summary>
internal static class Rfc9068
{
    /// <summary>Header types that name a JWT access token (§2.1): an ID token, logout token or DPoP proof has another.</summary>
    public static readonly string[] Types = ["at+jwt", "application/at+jwt"];

    private static readonly string[] Required = ["iss", "sub", "jti", "client_id"];

    public static string? Fault(TokenClaims claims)
    {
        foreach (var name in Required)
        {
            if (claims.Text(name) is null)
            {
                return $"token_claim_{name}";
            }
        }

        return claims.Has("scope") && claims.Scope("scope") is null ? "token_claim_scope" : null;
    }

    public static Caller CallerOf(TokenClaims claims)
    {
        var (subject, client) = (claims.Text("sub")!, claims.Text("client_id")!);
        // A client that acts for nobody is its own subject (§5). Two widespread ways to say the same beside the standard are known here too.
        var isApplication = subject == client || subject == $"{client}@clients" || claims.Text("gty") == "client-credentials";
        return Caller.Of(claims, subject, client, claims.Text("jti")!, claims.Scope("scope"), isApplication);
    }
}
