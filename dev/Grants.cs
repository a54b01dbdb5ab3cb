using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>What a person allows.</summary>
/// <param name="ClientId">Whom.</param>
/// <param name="Scopes">What.</param>
/// <param name="Session">In which browser session; <see langword="null"/> when there is none.</param>
/// <param name="Place">Where the answer goes, in words, as the consent page says it.</param>
internal sealed record GrantRequest(string ClientId, IEnumerable<string> Scopes, string? Session, string Place);

/// <summary>
/// Grants: what a person has allowed a client in one browser session, and everything that came from it. Its id is the <c>sid</c> of all its tokens. Asking for
/// more in the same session widens the grant; whatever ends it ends all its codes, refresh tokens, access tokens and exchanges at once, and for good.
/// </summary>
/// <remarks>A grant is one of OpenIddict's authorizations, which it looks up whenever a token of it is shown. Ending is changing that row's status.</remarks>
internal sealed class Grants(
    Database database,
    IOpenIddictApplicationManager clients,
    IOpenIddictAuthorizationManager authorizations,
    IOpenIddictTokenManager tokens,
    BackChannelLogout logout,
    TimeProvider time)
{
    /// <summary>OpenID Connect Back-Channel Logout 1.0 §2.1: the session at the client, in access and id tokens and in logout tokens.</summary>
    public const string Sid = "sid";

    private const string Session = "session";
    private const string Place = "place";

    private IQueryable<OpenIddictEntityFrameworkCoreAuthorization> Alive =>
        database.Set<OpenIddictEntityFrameworkCoreAuthorization>().AsNoTracking().Where(grant => grant.Status == Statuses.Valid);

    /// <summary>The grant of this person, client and session, widened by these scopes or made anew.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> OpenAsync(Person user, GrantRequest request, CancellationToken cancellationToken)
    {
        var known = await Alive.Where(grant => grant.Subject == user.Id && grant.Application!.ClientId == request.ClientId).ToListAsync(cancellationToken);

        if (known.Find(grant => Property(grant.Properties, Session) == request.Session) is { Id: { } id })
        {
            await WidenAsync(id, request.Scopes, cancellationToken);

            return id;
        }

        var client = (await clients.FindByClientIdAsync(request.ClientId, cancellationToken))!;
        var descriptor = new OpenIddictAuthorizationDescriptor
        {
            ApplicationId = await clients.GetIdAsync(client, cancellationToken),
            CreationDate = time.GetUtcNow(),
            Status = Statuses.Valid,
            Subject = user.Id,
            Type = AuthorizationTypes.AdHoc, // goes when its last token does, see Upkeep
            Properties = { [Session] = JsonSerializer.SerializeToElement(request.Session), [Place] = JsonSerializer.SerializeToElement(request.Place) },
        };
        descriptor.Scopes.UnionWith(request.Scopes);

        return (await authorizations.GetIdAsync(await authorizations.CreateAsync(descriptor, cancellationToken), cancellationToken))!;
    }

    /// <summary>All that this person allows this client already, in whatever browser.</summary>
    public async Task<IReadOnlySet<string>> ScopesAsync(Person user, string clientId, CancellationToken cancellationToken) =>
        (await OfAsync(user, cancellationToken)).Where(client => client.ClientId == clientId).SelectMany(client => client.Scopes).ToHashSet();

    /// <summary>Whether the grant that this access token came from has not ended.</summary>
    public async Task<bool> IsAliveAsync(JsonWebToken token, CancellationToken cancellationToken) =>
        token.TryGetPayloadValue<string>(Sid, out var sid) && await Alive.AnyAsync(grant => grant.Id == sid && grant.Subject == token.Subject, cancellationToken);

    /// <summary>The clients that this person has connected, the latest first: those that hold a token which still works.</summary>
    public async Task<IReadOnlyList<ConnectedClient>> OfAsync(Person user, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var grants = await Alive.Where(grant => grant.Subject == user.Id)
            .Where(grant => grant.Tokens.Any(token => token.Status == Statuses.Valid && token.ExpirationDate > now))
            .Select(grant => new { grant.Application!.ClientId, grant.Application.DisplayName, grant.Scopes, grant.Properties, grant.CreationDate, Used = grant.Tokens.Max(token => token.CreationDate) })
            .ToListAsync(cancellationToken);

        return
        [
            .. grants.GroupBy(grant => (grant.ClientId, grant.DisplayName)).Select(client => new ConnectedClient(
                client.Key.ClientId!,
                client.Key.DisplayName ?? client.Key.ClientId!,
                [.. client.Select(grant => Property(grant.Properties, Place) ?? "").Distinct()],
                [.. client.SelectMany(grant => Words(grant.Scopes)).Distinct()],
                [.. client.Select(grant => Property(grant.Properties, Session)).OfType<string>()],
                Utc(client.Min(grant => grant.CreationDate)),
                Utc(client.Max(grant => grant.Used))))
            .OrderByDescending(client => client.Used),
        ];
    }

    /// <summary>Ends all that this person has allowed this client, in every browser.</summary>
    public async Task<bool> EndClientAsync(Person user, string clientId) =>
        await EndAsync(await Alive.Where(grant => grant.Subject == user.Id && grant.Application!.ClientId == clientId).Select(grant => grant.Id!).ToListAsync());

    /// <summary>Ends all that this person has allowed anybody in this browser session.</summary>
    public async Task<bool> EndSessionAsync(Person user, string session)
    {
        var all = await Alive.Where(grant => grant.Subject == user.Id).Select(grant => new { grant.Id, grant.Properties }).ToListAsync();

        return await EndAsync([.. all.Where(grant => Property(grant.Properties, Session) == session).Select(grant => grant.Id!)]);
    }

    /// <summary>Ends these grants, as far as they have not ended, and tells the server. A request that is broken off does not stop it half-way.</summary>
    /// <returns>Whether the server has confirmed it already. If not, it will be told again.</returns>
    public async Task<bool> EndAsync(IReadOnlyList<string> ids)
    {
        var ended = new List<EndedGrant>();

        foreach (var id in ids)
        {
            // The row first: from here on nothing of the grant works, also not a token that is being made at this moment.
            if (await authorizations.FindByIdAsync(id) is { } grant
                && await authorizations.HasStatusAsync(grant, Statuses.Valid)
                && await authorizations.TryRevokeAsync(grant))
            {
                await tokens.RevokeByAuthorizationIdAsync(id);
                ended.Add(new EndedGrant(id, (await authorizations.GetSubjectAsync(grant))!));
            }
        }

        return await logout.TellAsync(ended);
    }

    private async Task WidenAsync(string id, IEnumerable<string> scopes, CancellationToken cancellationToken)
    {
        var grant = (await authorizations.FindByIdAsync(id, cancellationToken))!;
        var descriptor = new OpenIddictAuthorizationDescriptor();
        await authorizations.PopulateAsync(descriptor, grant, cancellationToken);
        var before = descriptor.Scopes.Count;
        descriptor.Scopes.UnionWith(scopes);

        if (descriptor.Scopes.Count > before)
        {
            await authorizations.UpdateAsync(grant, descriptor, cancellationToken);
        }
    }

    private static ImmutableArray<string> Words(string? json) => json is null ? [] : JsonSerializer.Deserialize<ImmutableArray<string>>(json);

    private static string? Property(string? json, string name) =>
        json is not null && JsonSerializer.Deserialize<JsonElement>(json).TryGetProperty(name, out var value) ? value.GetString() : null;

    private static DateTimeOffset Utc(DateTime? stored) => new(DateTime.SpecifyKind(stored!.Value, DateTimeKind.Utc));
}

/// <summary>A client as its person sees it.</summary>
/// <param name="ClientId">Its id.</param>
/// <param name="Name">What it calls itself.</param>
/// <param name="Places">Where its answers went, in words.</param>
/// <param name="Scopes">All that it may do.</param>
/// <param name="Sessions">The browser sessions in which it was connected.</param>
/// <param name="Since">When it was connected.</param>
/// <param name="Used">When it last fetched a token.</param>
internal sealed record ConnectedClient(
    string ClientId, string Name, IReadOnlyList<string> Places, IReadOnlyList<string> Scopes, IReadOnlyList<string> Sessions, DateTimeOffset Since, DateTimeOffset Used);
