using Microsoft.Extensions.Configuration.Json;

namespace McpFilesServer.Auth;

/// <summary>What is unsafe in Production among the settings that belong to no section of ours: those of ASP.NET Core and of Microsoft.Identity.Web.</summary>
internal static class UnsafeSettings
{
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

        foreach (var problem in OboSettings.Problems(configuration, files, environment))
        {
            yield return problem;
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
    }
}
