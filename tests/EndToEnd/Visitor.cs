using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>
/// Somebody who looks at every page closely: on a desk and on a phone, in light and in dark, with a picture of each in light. With <c>WRITE_DOCS=1</c> the pictures go to
/// <c>docs/img</c>.
/// </summary>
internal sealed class Visitor(Chromium chromium)
{
    /// <summary>The sizes of the windows, and how much of a page its picture has at most.</summary>
    public static readonly IReadOnlyList<(string Name, int Width, int Height)> Sizes = [("wide", 1280, 1050), ("narrow", 390, 1500)];

    private readonly string _axe = NodeClients.Axe();

    public static string Pictures { get; } = Path.Combine(ServerProcess.RepositoryRoot, "docs", "img");

    /// <summary>Finds no fault with the page that the browser is at: nothing wider than the window, no complaint of the browser, no barrier that axe knows of.</summary>
    /// <param name="name">What the picture is called.</param>
    /// <param name="expected">What the browser may say of the page.</param>
    public void Look(string name, string? expected = null)
    {
        var faults = chromium.Complaints().Where(complaint => expected is null || !complaint.Contains(expected, StringComparison.Ordinal)).ToList();
        foreach (var (size, width, _) in Sizes)
        {
            foreach (var dark in (bool[])[false, true])
            {
                chromium.Show(width, 800, dark);
                faults.AddRange(TooWide().Concat(Barriers()).Select(fault => $"{name}, {size}, {(dark ? "dark" : "light")}: {fault}"));
            }
        }

        // What is magnified four times on a desk has so much room (WCAG 2.2, 1.4.10).
        chromium.Show(320, 256, dark: false);
        faults.AddRange(TooWide().Select(fault => $"{name}, magnified: {fault}"));
        Assert.Empty(faults.Concat(chromium.Complaints()));
        foreach (var (size, width, height) in Sizes)
        {
            chromium.Show(width, 800, dark: false);
            Keep($"{name}-{size}.png", chromium.Picture(width, height));
        }
    }

    /// <summary>What is wider than the window, or than the box that it is in.</summary>
    private IEnumerable<string> TooWide() => Texts(chromium.Ask<object>(
        """
        return [...document.querySelectorAll('*')]
          .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5 || (getComputedStyle(one).display !== 'inline' && one.scrollWidth > one.clientWidth + 1))
          .map(one => `too wide: ${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 40)}`);
        """));

    /// <summary>What keeps somebody out who cannot see, or see well, or use a mouse: all rules of axe-core, those that it is not sure of, too.</summary>
    private IEnumerable<string> Barriers()
    {
        chromium.Ask<object?>($"if (!window.axe) {{ {_axe} }}");
        return Texts(chromium.AskLater<object>(
            """
            const done = arguments[arguments.length - 1];
            axe.run(document, { preload: false, resultTypes: ['violations', 'incomplete'] }).then(
              found => done(found.passes.length === 0 ? ['axe has looked at nothing'] : [...found.violations, ...found.incomplete]
                .flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary || rule.help}`))),
              fault => done([`${fault}`]));
            """));
    }

    private static IEnumerable<string> Texts(object list) => ((IEnumerable<object>)list).Select(text => (string)text);

    private static void Keep(string name, byte[] picture)
    {
        if (Environment.GetEnvironmentVariable("WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Pictures);
            File.WriteAllBytes(Path.Combine(Pictures, name), picture);
        }
    }
}
