using System.Globalization;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>
/// Resources that one caller wants to hear of, and what they were like at the last look. A file has changed when its etag has, when it comes and when it goes;
/// a directory when an entry comes, goes or is replaced; a project when its top directory has, or what its description says.
/// </summary>
internal sealed class WatchedResources(Places places, ICaller caller, IReadOnlyList<string> uris)
{
    private const string Missing = "";

    private readonly ILookup<string, (string Uri, ProjectUri Read)> _projects =
        uris.Select(uri => (Uri: uri, Read: ProjectUri.Read(uri)!)).ToLookup(resource => resource.Read.Project, StringComparer.Ordinal);

    // Not there for as long as the person is no member: what happens meanwhile, and that it did, is none of his business.
    private readonly Dictionary<string, string> _seen = new(StringComparer.Ordinal);

    /// <summary>Looks at all of them. Membership is asked for anew each time.</summary>
    /// <returns>The URIs of those that have changed since the last look.</returns>
    public async Task<IReadOnlyList<string>> LookAsync(CancellationToken cancellationToken)
    {
        var changed = new List<string>();
        foreach (var resources in _projects)
        {
            var place = await OpenAsync(resources.Key, cancellationToken);
            foreach (var (uri, read) in resources)
            {
                if (place is null)
                {
                    _seen.Remove(uri);
                    continue;
                }

                var version = Version(place, read.Path);
                if (_seen.TryGetValue(uri, out var seen) && seen != version)
                {
                    changed.Add(uri);
                }

                _seen[uri] = version;
            }
        }

        return changed;
    }

    private async Task<Place?> OpenAsync(string project, CancellationToken cancellationToken)
    {
        try
        {
            return await places.OpenAsync(caller, project, null, Roles.ReadFiles, cancellationToken);
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    private static string Version(Place place, ProjectPath? path)
    {
        try
        {
            var entry = place.Folder.Describe(path ?? ProjectPath.Root);
            var version = entry.Etag ?? entry.Modified.UtcTicks.ToString(CultureInfo.InvariantCulture);
            return path is null ? $"{version} {ProjectInfo.Of(place.Project)}" : version;
        }
        catch (ProblemException)
        {
            return Missing;
        }
    }
}
