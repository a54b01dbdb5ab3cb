using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace McpFilesServer.Dev;

/// <summary>The development identity provider: what makes the whole pattern run on a fresh machine, offline. Never in a Release build.</summary>
public static class DevSetup
{
    /// <summary>
    /// Starts the provider, and the stand-in for Microsoft Graph, beside the server when the server is configured to trust it: that is, unless
    /// <c>Auth:Issuers:0:Authority</c> names another issuer. What the server must know of it is added to the configuration, where nothing is configured already.
    /// </summary>
    /// <param name="builder">The server that is being built. Its settings are read here, once.</param>
    /// <param name="scopesInWords">The scopes of the server, each with what it lets a client do, as the consent page says it.</param>
    /// <exception cref="InvalidOperationException">The environment is not Development, or a setting is unsafe. The message names setting and fix.</exception>
    public static void AddDevelopmentProvider(this WebApplicationBuilder builder, IReadOnlyDictionary<string, string> scopesInWords)
    {
        if (DevOptions.Read(builder.Configuration, builder.Environment, scopesInWords) is not { } options)
        {
            return;
        }

        var keys = Keys.OpenOrCreate(options.Directory);

        // Only what is not configured: a value of the operator's own always wins. (Inserting a source below the others would say the same, but makes
        // the configuration build them all anew, which loses what was set in code.)
        builder.Configuration.AddInMemoryCollection(Defaults(options, keys).Where(setting => builder.Configuration[setting.Key] is null).ToArray());

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(keys);
        builder.Services.AddHostedService<ProviderHost>();

        // The client that the server exchanges tokens with, by the name that it has there. No other client meets this handler.
        builder.Services.AddHttpClient("TokenExchange").AddHttpMessageHandler(() => new MsalBridge(options.Issuer));
    }

    private static Dictionary<string, string?> Defaults(DevOptions options, Keys keys)
    {
        var defaults = new Dictionary<string, string?>
        {
            ["Auth:Issuers:0:Authority"] = options.Issuer,
            ["Obo:Authority"] = MsalBridge.Authority,
            ["Obo:ClientId"] = options.ServerClientId,
            ["Obo:ClientCredentials:0:SourceType"] = "ClientSecret",
            ["Obo:ClientCredentials:0:ClientSecret"] = keys.ServerSecret,
            ["Graph:BaseUrl"] = $"{options.Graph}/v1.0",
            ["Graph:TransferHosts:0"] = Transfers.Origin(options).Host,
            ["Graph:Audience"] = options.Graph,
        };

        foreach (var (index, scope) in OnBehalfOf.GraphScopes.Index())
        {
            defaults[$"Graph:Scopes:{index}"] = $"{options.Graph}/{scope}";
        }

        return defaults;
    }
}
