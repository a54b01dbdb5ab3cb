using Microsoft.IdentityModel.JsonWebTokens;

namespace McpFilesServer.Auth;

/// <summary>A token that an issuer made for this server to send on. What is in it is its audience's to trust; here it is only told apart from others.</summary>
internal static class IssuedToken
{
    /// <summary>A hash of its id: <c>jti</c>, or <c>uti</c> as Entra calls it in its own logs; of a token that shows none, of all of it.</summary>
    public static string HashOfId(string token)
    {
        try
        {
            var jwt = new JsonWebToken(token);
            return Caller.HashOf(jwt.Id is { Length: > 0 } id ? id : jwt.TryGetPayloadValue<string>("uti", out var uti) && uti.Length > 0 ? uti : token);
        }
        catch (ArgumentException)
        {
            // Opaque, as an issuer is free to make it.
            return Caller.HashOf(token);
        }
    }
}
