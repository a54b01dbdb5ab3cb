using Microsoft.Extensions.Configuration.Json;
using Microsoft.Identity.Abstractions;

namespace McpFilesServer.Auth;

/// <summary>
/// What is wrong with section <c>Obo</c>, which is Microsoft.Identity.Web's: the library takes what it knows and finds out the rest with the first call,
/// when it is somebody else's.
/// </summary>
internal static class OboSettings
{
    /// <summary>Keys whose values are secrets themselves, and not the place of one.</summary>
    private static readonly string[] Secrets = ["ClientSecret", "Password", "Base64EncodedValue"];

    /// <summary>Authorities that are no tenant: what is exchanged there is at whatever tenant the caller's token says.</summary>
    private static readonly string[] Anywhere = ["common", "organizations", "consumers"];

    public static IEnumerable<string> Problems(IConfiguration configuration, IReadOnlyList<JsonConfigurationProvider> files, IHostEnvironment environment)
    {
        var obo = configuration.GetSection(Exchange.Scheme);
        var onBehalfOf = !string.Equals(configuration[$"{ExchangeOptions.Section}:{nameof(ExchangeOptions.Grant)}"], nameof(ExchangeGrant.TokenExchange), StringComparison.OrdinalIgnoreCase);
        if (!onBehalfOf && string.IsNullOrEmpty(obo["ClientId"]))
        {
            yield return "Obo:ClientId must be the id of this server at the issuer, which Exchange:Grant TokenExchange needs.";
        }

        if (onBehalfOf && !string.IsNullOrEmpty(obo["ClientId"]) && (!obo.GetSection("ClientCredentials:0").Exists() || (obo["Authority"] ?? obo["TenantId"]) is null))
        {
            yield return "Obo:ClientId is set without Obo:ClientCredentials and Obo:Authority (or TenantId). Set all of them, or none: then tools that call downstream say so.";
        }

        foreach (var name in (string[])["TenantId", "Authority"])
        {
            if (obo[name] is { } tenant && tenant.Split('/').Any(part => Anywhere.Contains(part, StringComparer.OrdinalIgnoreCase)))
            {
                yield return $"Obo:{name} '{tenant}' is no tenant. Set Obo:TenantId to the one tenant (a GUID) where tokens are exchanged.";
            }
        }

        foreach (var problem in environment.IsDevelopment() ? [] : SecretProblems(obo, files).Concat(AddressProblems(obo)).Concat(CredentialProblems(obo)))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> SecretProblems(IConfigurationSection obo, IReadOnlyList<JsonConfigurationProvider> files)
    {
        if (obo.AsEnumerable().FirstOrDefault(setting => setting.Value is { Length: > 0 }
            && Secrets.Any(name => setting.Key.EndsWith(name, StringComparison.OrdinalIgnoreCase))) is { Key: { } secret })
        {
            yield return files.Any(file => file.TryGet(secret, out _))
                ? $"{secret} is a secret in a settings file. Remove it, and use a certificate or a federated credential in Obo:ClientCredentials."
                : $"{secret} is a plain secret. Use a certificate or a federated credential in Obo:ClientCredentials.";
        }
    }

    private static IEnumerable<string> AddressProblems(IConfigurationSection obo)
    {
        foreach (var name in (string[])["Authority", "Instance"])
        {
            if (obo[name] is { } authority && (!Uri.TryCreate(authority, UriKind.Absolute, out var uri) || uri.Scheme != "https" || uri.IsLoopback))
            {
                yield return $"Obo:{name} '{authority}' must be the https URL of the issuer that exchanges tokens.";
            }
        }
    }

    private static IEnumerable<string> CredentialProblems(IConfigurationSection obo)
    {
        foreach (var credential in obo.GetSection("ClientCredentials").GetChildren())
        {
            if (!Enum.TryParse<CredentialSource>(credential["SourceType"], ignoreCase: true, out var source) || source is CredentialSource.ClientSecret)
            {
                yield return $"{credential.Path}:SourceType '{credential["SourceType"]}' is no proof that is used here. Use a certificate (KeyVault, Path, StoreWithThumbprint …) or a federated credential (SignedAssertionFromManagedIdentity …).";
            }
            else if (source == CredentialSource.Path && !File.Exists(credential["CertificateDiskPath"]))
            {
                yield return $"{credential.Path}:CertificateDiskPath '{credential["CertificateDiskPath"]}' is not there. Name the file of the certificate with its private key.";
            }
        }
    }
}
