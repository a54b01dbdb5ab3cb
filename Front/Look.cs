using System.Text;

namespace McpFilesServer.Front;

/// <summary>What the pages for people have in common: colours, letters, buttons, and a mark. The pages of the development provider are made with it, too.</summary>
internal static class Look
{
    /// <summary>The mark as an address that carries it. Without one a browser asks for <c>/favicon.ico</c>, which the policy of the pages forbids, and says so in its console.</summary>
    public static string Icon { get; } = $"data:image/svg+xml;base64,{Convert.ToBase64String(Read("Mark.svg"))}";

    /// <summary>What is in the head of every page, but for its title and style.</summary>
    public static Html Head => $"""
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <link rel="icon" href="{Icon}">
        """;

    /// <summary>Where the mark is, beside words that say the same. The style has the picture, so that no page of ours has an image of anybody's.</summary>
    public static Html Mark => $"""<span class="mark"></span>""";

    /// <summary>The style of all pages, and after it that of some.</summary>
    /// <param name="own">The file that has it.</param>
    public static byte[] Style(string own) => [.. Read("Look.css"), .. Encoding.UTF8.GetBytes($"\n.mark {{\n  background-image: url(\"{Icon}\");\n}}\n\n"), .. Read(own)];

    private static byte[] Read(string name)
    {
        using var stream = typeof(Look).Assembly.GetManifestResourceStream(name)!;
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);

        return buffer.ToArray();
    }
}
