using Microsoft.Extensions.Configuration.Json;

namespace McpFilesServer.Auth;

/// <summary>What is unsafe in Production among the settings that belong to no section of ours: those of ASP.NET Core and of Microsoft.Identity.Web.</summary>
internal static class UnsafeSettings
{
    /// <summary>Keys of Microsoft.Identity.Web whose values are secrets themselves, and not the place of one.</summary>
    private static readonly string[] Secrets = ["ClientSecret", "Password", "Base64EncodedValue"];

    private static readonly string[] Sections =
        ["Logging", "AllowedHosts", "Urls", "Kestrel", "HTTP_PORTS", "HTTPS_PORTS", Exchange.Scheme, "Dev", "DetailedErrors"];

    /// <param name="configuration">All settings.</param>
    /// <param name="known">The names of the product's own sections.</param>
    /// <param name="environment">Development allows more.</param>
    public static IEnumerable<string> Problems(IConfigurationRoot configuration, IEnumerable<string> known, IHostEnvironment environment)
    {
        var files = configuration.Providers.OfType<JsonConfigurationProvider>().ToList();
        var names = files.SelectMany(file => file.GetChildKeys([], null)).Distinct(StringComparer.OrdinalIgnoreCase);
        foreach (var unknown in names.Except([.. Sections, .. known], StringComparer.OrdinalIgnoreCase))
        {
            yield return $"{unknown}: unknown section in a settings file. Correct its name, or remove it.";
        }

        if (string.Equals(configuration["FORWARDEDHEADERS_ENABLED"], "true", StringComparison.OrdinalIgnoreCase))
        {
            yield return "ASPNETCORE_FORWARDEDHEADERS_ENABLED makes the server believe anybody's X-Forwarded headers. Remove it, and name the proxies in Mcp:KnownProxies.";
        }

        var obo = configuration.GetSection(Exchange.Scheme);
        if (!string.IsNullOrEmpty(obo["ClientId"]) && (!obo.GetSection("ClientCredentials:0").Exists() || (obo["Authority"] ?? obo["TenantId"]) is null))
        {
            yield return "Obo:ClientId is set without Obo:ClientCredentials and Obo:Authority (or TenantId). Set all of them, or none: then tools that call downstream say so.";
        }

        if (environment.IsDevelopment())
        {
            yield break;
        }

        if (configuration["AllowedHosts"] is { } hosts && hosts.Contains('*', StringComparison.Ordinal))
        {
            yield return $"AllowedHosts '{hosts}' lets any host name in. Remove it; Mcp:AllowedHosts names hosts beside that of Mcp:Resource.";
        }

        if (configuration.GetSection("Dev").Exists())
        {
            yield return $"Dev: settings of the development identity provider have no place in {environment.EnvironmentName}. Remove them.";
        }

        if (configuration["DetailedErrors"] is { } detailed && !detailed.Equals("false", StringComparison.OrdinalIgnoreCase))
        {
            yield return "DetailedErrors would show callers what went wrong inside. Remove it.";
        }

        foreach (var secret in configuration.GetSection($"{AuthOptions.Section}:{nameof(AuthOptions.Issuers)}").AsEnumerable().Select(setting => setting.Key)
            .Where(key => key.EndsWith($":{nameof(IntrospectionOptions.ClientSecret)}", StringComparison.OrdinalIgnoreCase) && files.Any(file => file.TryGet(key, out _))))
        {
            yield return $"{secret} is a secret in a settings file. Remove it, and set it in the environment or from a secret store.";
        }

        foreach (var problem in ExchangeProblems(obo, files))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> ExchangeProblems(IConfigurationSection obo, List<JsonConfigurationProvider> files)
    {
        if (obo.AsEnumerable().FirstOrDefault(setting => setting.Value is { Length: > 0 }
            && (Secrets.Any(name => setting.Key.EndsWith(name, StringComparison.OrdinalIgnoreCase)))) is { Key: { } secret })
        {
            yield return files.Any(file => file.TryGet(secret, out _))
                ? $"{secret} is a secret in a settings file. Remove it, and use a certificate or a federated credential in Obo:ClientCredentials."
                : $"{secret} is a plain secret. Use a certificate or a federated credential in Obo:ClientCredentials.";
        }

        foreach (var name in (string[])["Authority", "Instance"])
        {
            if (obo[name] is { } authority && (!Uri.TryCreate(authority, UriKind.Absolute, out var uri) || uri.Scheme != "https" || uri.IsLoopback))
            {
                yield return $"Obo:{name} '{authority}' must be the https URL of the issuer that exchanges tokens.";
            }
        }
    }
}
