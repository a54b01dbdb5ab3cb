using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>What outlives a restart: registered clients, grants, sessions, and the marks of used codes and refresh tokens.</summary>
/// <remarks>A file, not EF's in-memory store: that one silently fails to revoke a family of refresh tokens.</remarks>
internal sealed class Database(DbContextOptions<Database> options) : DbContext(options)
{
    public static async Task PrepareAsync(IServiceProvider services, DevOptions options, Keys keys, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<Database>();
        await database.Database.EnsureCreatedAsync(cancellationToken);
        await database.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL", cancellationToken);

        var clients = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        await KnowAsync(clients, CommandGrant.ClientId, keys.CommandSecret, [Permissions.Endpoints.Token, Permissions.Prefixes.GrantType + CommandGrant.GrantType], cancellationToken);
        await KnowAsync(clients, options.ServerClientId, keys.ServerSecret, [Permissions.Endpoints.Introspection], cancellationToken);
        await ConfiguredClient.KnowAsync(clients, options.Clients, cancellationToken);
    }

    /// <summary>The two clients with a secret. Written anew at every start, because the secret's file is what counts.</summary>
    private static Task KnowAsync(IOpenIddictApplicationManager clients, string id, string secret, string[] permissions, CancellationToken cancellationToken)
    {
        var descriptor = new OpenIddictApplicationDescriptor { ClientId = id, ClientSecret = secret, ClientType = ClientTypes.Confidential };
        descriptor.Permissions.UnionWith(permissions);

        return clients.KnowAsync(descriptor, cancellationToken);
    }
}

internal static class DatabaseSetup
{
    public static void AddProviderDatabase(this IServiceCollection services, DevOptions options) =>
        services.AddDbContext<Database>(database => database.UseSqlite($"Data Source={Path.Combine(options.Directory, "provider.db")}").UseOpenIddict());
}
