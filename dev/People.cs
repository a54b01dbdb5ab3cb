using System.Security.Claims;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>Somebody in the directory.</summary>
/// <param name="Id">The opaque id: the <c>sub</c> of their tokens and the <c>id</c> that the Graph stand-in knows them by.</param>
/// <param name="Name">What they sign in as; <see langword="null"/> for somebody who is only in the directory.</param>
/// <param name="DisplayName">How the directory shows them.</param>
/// <param name="Mail">Their address.</param>
/// <param name="JobTitle">What they do.</param>
internal sealed record Person(string Id, string? Name, string DisplayName, string Mail, string JobTitle);

/// <summary>Everybody whom the provider knows. There are no passwords: it listens on loopback only, and whoever sits there may be alice or bob.</summary>
internal static class People
{
    public static IReadOnlyList<Person> All { get; } =
    [
        new("7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01", "alice", "Alice Archer", "alice@example.test", "Engineer"),
        new("b93e6d14-58b2-4a6f-8e0e-5f7c9a1d2e02", "bob", "Bob Baker", "bob@example.test", "Editor"),
        new("0f4d8c52-6f0b-4f43-9a3e-2d1c7b8e9f03", null, "Carol Chen", "carol@example.test", "Designer"),
        new("5a2b7e91-1d44-4c0d-8b6f-3e9f0c1a2b04", null, "Dave Dubois", "dave@example.test", "Analyst"),
        new("c8e13f06-9b27-4e58-a1d2-4f0a5b6c7d05", null, "Erin Eriksen", "erin@example.test", "Engineer"),
        new("2e7f9a3d-40c6-4b1e-9f85-6a1b2c3d4e06", null, "Frank Fischer", "frank@example.test", "Lawyer"),
        new("91d0b6c4-7a35-4d2f-8c19-7b2c3d4e5f07", null, "Grace Garcia", "grace@example.test", "Director"),
        new("e43a5c78-0e69-4fa7-b3d6-8c3d4e5f6a08", null, "Alan Heidegger", "alan@example.test", "Translator"),
    ];

    /// <summary>Those who can sign in.</summary>
    public static IEnumerable<Person> Users => All.Where(person => person.Name is not null);

    public static Person? Named(string? name) => Users.FirstOrDefault(person => person.Name == name);

    public static Person? WithId(string? id) => All.FirstOrDefault(person => person.Id == id);

    /// <summary>What OpenIddict makes this user's tokens from: for one resource, with these scopes and no other, as part of this grant.</summary>
    public static ClaimsPrincipal Grant(this Person user, string sid, IEnumerable<string> scopes, string resource)
    {
        var identity = new ClaimsIdentity("development", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, user.Id).SetClaim(Claims.Name, user.Name).SetClaim(Grants.Sid, sid);
        identity.SetScopes(scopes).SetResources(resource).SetAuthorizationId(sid);
        identity.SetDestinations(claim => claim.Type is Claims.Name or Grants.Sid ? [Destinations.AccessToken, Destinations.IdentityToken] : []);

        return new ClaimsPrincipal(identity);
    }
}
