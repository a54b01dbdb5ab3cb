using System.Collections.Frozen;

namespace McpFilesServer.Auth;

/// <summary>What each operation declared to call downstream, as the settings name it for the issuer. Read at start, so that a declaration that no setting covers stops it.</summary>
internal sealed class DownstreamTargets
{
    private readonly FrozenDictionary<Operation, DownstreamTarget> _targets;

    /// <exception cref="SettingsException">An operation declares a downstream scope that the settings do not list.</exception>
    public DownstreamTargets(Surface surface, IConfiguration configuration) =>
        _targets = surface.Operations.Where(operation => operation.Downstream is not null)
            .ToFrozenDictionary(operation => operation, operation => Target(configuration, operation.Downstream!));

    /// <summary>The target of an operation that declares one.</summary>
    public DownstreamTarget Of(Operation operation) => _targets[operation];

    private static DownstreamTarget Target(IConfiguration configuration, DownstreamAttribute declared)
    {
        var section = SectionOf(configuration, declared.Resource);
        var listed = section.GetSection("Scopes").Get<string[]>() ?? [];
        return new DownstreamTarget(declared.Resource, [.. declared.Scopes.Select(scope => FullName(section, listed, scope))], section["Audience"], listed);
    }

    /// <summary>A section of its own, as Graph has one; or its place among those that a fork adds.</summary>
    private static IConfigurationSection SectionOf(IConfiguration configuration, string resource) =>
        configuration.GetSection($"Downstream:Apis:{resource}") is { } added && added.Exists() ? added : configuration.GetSection(resource);

    /// <summary>A declared scope as the issuer knows it: the one entry of the downstream API's <c>Scopes</c> setting that ends with it.</summary>
    /// <exception cref="SettingsException">The setting does not list it.</exception>
    private static string FullName(IConfigurationSection section, string[] listed, string scope) =>
        listed.FirstOrDefault(name => name == scope || name.EndsWith($"/{scope}", StringComparison.Ordinal))
        ?? throw new SettingsException($"{section.Path}:Scopes does not list '{scope}', which a tool declares. Add its full name, such as https://graph.microsoft.com/{scope}.");
}
