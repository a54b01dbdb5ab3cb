using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpFilesServer.Dev;

/// <summary>Throws away, before every start and every hour, what can no longer matter, so that the store does not grow for ever.</summary>
internal sealed class Upkeep(IServiceScopeFactory scopes, DevOptions options, TimeProvider time, ILogger<Upkeep> log) : BackgroundService
{
    private const string UnusedSince = "unused_since";

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>A client that registers and is never allowed anything is forgotten after this.</summary>
    private static readonly TimeSpan UnusedFor = TimeSpan.FromDays(1);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<Database>();
        var now = time.GetUtcNow();

        // What has run out is refused for that, before anybody looks for its row. A row of what has not run out must stay, also of what was used or
        // revoked: it is how reuse is noticed.
        var longAgo = (now - Interval).UtcDateTime;
        await database.Set<OpenIddictEntityFrameworkCoreToken>().Where(token => token.ExpirationDate < longAgo).ExecuteDeleteAsync(cancellationToken);

        // Grants that have ended or have no token left, as soon as no token that names them can be valid.
        await scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().PruneAsync(now - options.RefreshTokenLifetime - Interval, cancellationToken);
        await ForgetUnusedClientsAsync(database, scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>(), now, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);

        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                log.LogWarning(exception, "What can no longer matter could not be thrown away; the next try is in an hour");
            }
        }
    }

    /// <summary>Two steps, because nobody keeps the time of a registration: a client that is found without a grant is marked, and goes when the mark is old.</summary>
    private static async Task ForgetUnusedClientsAsync(Database database, IOpenIddictApplicationManager clients, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var candidates = await database.Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking()
            .Where(client => client.ClientType == OpenIddictConstants.ClientTypes.Public)
            .Select(client => new { client.ClientId, client.Properties, IsUsed = client.Authorizations.Any() || client.Tokens.Any() })
            .ToListAsync(cancellationToken);

        foreach (var candidate in candidates.Where(candidate => CanComeBack(candidate.ClientId) && (!candidate.IsUsed || candidate.Properties is not null)))
        {
            var client = (await clients.FindByClientIdAsync(candidate.ClientId!, cancellationToken))!;
            var descriptor = new OpenIddictApplicationDescriptor();
            await clients.PopulateAsync(descriptor, client, cancellationToken);
            var marked = descriptor.Properties.TryGetValue(UnusedSince, out var since);

            if (candidate.IsUsed ? descriptor.Properties.Remove(UnusedSince) : descriptor.Properties.TryAdd(UnusedSince, JsonSerializer.SerializeToElement(now)))
            {
                await clients.UpdateAsync(client, descriptor, cancellationToken);
            }
            else if (marked && !candidate.IsUsed && since.GetDateTimeOffset() < now - UnusedFor)
            {
                await clients.DeleteAsync(client, cancellationToken);
            }
        }
    }

    /// <summary>Ids that registration has made, and those that are a document's URL, which is read again when the client comes back. Nobody else is forgotten.</summary>
    private static bool CanComeBack(string? clientId) =>
        Guid.TryParseExact(clientId, "N", out _) || (Uri.TryCreate(clientId, UriKind.Absolute, out var url) && url.Scheme is "https" or "http");
}
