using System.Text;
using McpFilesServer.Data;

namespace McpFilesServer.Tools;

/// <summary>
/// The address of a project or of what is in it: <c>project://slug</c> or <c>project://slug/path</c>. RFC 3986, and less than that: this scheme in small
/// letters, a bare slug for authority (no user, no port, nothing encoded), a path whose components are percent-decoded once and must then be ones that
/// <see cref="ProjectPath"/> takes; no query, no fragment, no dot segments, no encoded '/'. Whatever is not of this form is the address of nothing.
/// </summary>
/// <param name="Project">The slug. Whether there is such a project is not known here.</param>
/// <param name="Path">The path; null for the address of the project itself.</param>
internal sealed record ProjectUri(string Project, ProjectPath? Path)
{
    /// <summary>The template of a project's address.</summary>
    public const string OfProject = "project://{project}";

    /// <summary>The template of the address of a file or directory.</summary>
    public const string OfFile = "project://{project}/{+path}";

    private const string Scheme = "project://";

    private const int MaxSlugLength = 64;

    // Each byte of a path may come as three characters.
    private const int MaxLength = 80 + (ProjectPath.MaxBytes * 3);

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads an address.</summary>
    /// <returns>Null when it is none of this server's.</returns>
    public static ProjectUri? Read(string uri)
    {
        if (uri.Length > MaxLength || !uri.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return null;
        }

        var rest = uri[Scheme.Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var slug = slash < 0 ? rest : rest[..slash];
        if (slug.Length is 0 or > MaxSlugLength || !slug.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
        {
            return null;
        }

        return slash < 0 ? new ProjectUri(slug, null)
            : PathOf(rest[(slash + 1)..]) is { } path ? new ProjectUri(slug, path) : null;
    }

    /// <summary>The address in its one normal form, as templates expand to it.</summary>
    public override string ToString() =>
        Path is null ? $"{Scheme}{Project}" : $"{Scheme}{Project}/{string.Join('/', Path.Components.Select(Uri.EscapeDataString))}";

    private static ProjectPath? PathOf(string encoded)
    {
        var components = encoded.Split('/').Select(Decoded).ToList();
        // Decoded first: a dot segment is one however it is written, and a '/' that was encoded would make two components out of one.
        if (components.Any(component => component is null or "." or ".." || component.Contains('/', StringComparison.Ordinal)))
        {
            return null;
        }

        try
        {
            return ProjectPath.Parse(string.Join('/', components));
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    /// <summary>One component, percent-decoded once; null when it has a character that RFC 3986 §3.3 does not allow there, or is no UTF-8.</summary>
    private static string? Decoded(string component)
    {
        var bytes = new List<byte>(component.Length);
        for (var i = 0; i < component.Length; i++)
        {
            var c = component[i];
            if (char.IsAsciiLetterOrDigit(c) || "-._~!$&'()*+,;=:@".Contains(c, StringComparison.Ordinal))
            {
                bytes.Add((byte)c);
            }
            else if (c == '%' && i + 2 < component.Length && char.IsAsciiHexDigit(component[i + 1]) && char.IsAsciiHexDigit(component[i + 2]))
            {
                bytes.Add(Convert.FromHexString(component.AsSpan(i + 1, 2))[0]);
                i += 2;
            }
            else
            {
                return null;
            }
        }

        try
        {
            return StrictUtf8.GetString([.. bytes]);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
