using System.Text.Json;
using Microsoft.Extensions.Configuration;
using OpenIddict.Abstractions;

namespace McpFilesServer.Dev;

/// <summary>A client that an operator made known in the settings, before it ever came: <c>Dev:Clients:N</c>. Public like all others, so it has no secret to be left lying in a file.</summary>
internal sealed record ConfiguredClient
{
    private const string Mark = "from_settings";

    /// <summary>Its client id: letters, digits, '-', '_' and '.', at most 64.</summary>
    public string Id { get; init; } = "";

    /// <summary>What the consent page calls it.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where codes may be sent: https, or http on a loopback host. At least one.</summary>
    public IReadOnlyList<string> RedirectUris { get; init; } = [];

    /// <exception cref="InvalidOperationException">One of them cannot be. The message names setting and fix.</exception>
    public static IReadOnlyList<ConfiguredClient> Read(IConfigurationSection section, string serverClientId) =>
        [.. section.GetChildren().Select(client => ReadOne(client, [CommandGrant.ClientId, serverClientId]))];

    /// <summary>Makes them known; forgets, with all that was issued to them, those that are no longer in the settings.</summary>
    public static async Task KnowAsync(IOpenIddictApplicationManager clients, IReadOnlyList<ConfiguredClient> configured, CancellationToken cancellationToken)
    {
        foreach (var client in await clients.ListAsync(cancellationToken: cancellationToken).ToListAsync(cancellationToken))
        {
            if ((await clients.GetPropertiesAsync(client, cancellationToken)).ContainsKey(Mark)
                && await clients.GetClientIdAsync(client, cancellationToken) is var id && configured.All(one => one.Id != id))
            {
                await clients.DeleteAsync(client, cancellationToken);
            }
        }

        foreach (var client in configured)
        {
            var descriptor = Clients.Public(client.Id, Clients.Plain(client.Name), client.RedirectUris);
            descriptor.Properties[Mark] = JsonSerializer.SerializeToElement(true);
            await clients.KnowAsync(descriptor, cancellationToken);
        }
    }

    private static ConfiguredClient ReadOne(IConfigurationSection section, string[] taken)
    {
        string[] settings = [nameof(Id), nameof(Name), nameof(RedirectUris)];

        if (section.GetChildren().FirstOrDefault(setting => !settings.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
        {
            throw new InvalidOperationException($"{unknown.Path} is not a setting: remove it. A client has: {string.Join(", ", settings)}.");
        }

        var client = section.Get<ConfiguredClient>() ?? new ConfiguredClient();

        Require(
            client.Id is { Length: > 0 and <= 64 } id && id.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.') && !taken.Contains(id),
            $"{section.Path}:Id is '{client.Id}': give the client an id of letters, digits, '-', '_' and '.', other than {string.Join(" and ", taken)}.");
        Require(!string.IsNullOrWhiteSpace(client.Name), $"{section.Path}:Name is missing: say what the consent page calls the client.");
        Require(
            client.RedirectUris.Count > 0 && client.RedirectUris.All(Dev.RedirectUris.IsAllowed),
            $"{section.Path}:RedirectUris must have at least one entry, each https, or http on localhost, 127.0.0.1 or [::1], without a fragment.");

        return client;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }
}
