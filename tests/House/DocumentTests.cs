using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What the documents lead to is there: links, headings, files, test classes, commands.</summary>
public sealed partial class DocumentTests
{
    private static readonly string Root = ServerProcess.RepositoryRoot;

    /// <summary>Every document for people, from the top of the repository.</summary>
    public static TheoryData<string> Documents { get; } =
    [
        .. Directory.EnumerateFiles(Root, "*.md").Concat(((string[])["docs", "bench", "deploy"]).SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.md")))
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/')).Order(),
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_link_leads_to_a_file_or_a_heading(string document) =>
        Assert.All(Link().Matches(Prose(document)).Select(match => match.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal)), link =>
        {
            var (file, heading) = link.Split('#') is [var before, var after] ? (before, after) : (link, null);
            var target = file.Length == 0 ? Path.Combine(Root, document) : Path.GetFullPath(file, Path.GetDirectoryName(Path.Combine(Root, document))!);
            Assert.True(Path.Exists(target), link);
            Assert.True(heading is null || Heading().Matches(File.ReadAllText(target)).Any(match => Anchor(match.Groups[1].Value) == heading), link);
        });

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_file_that_is_named_is_there(string document)
    {
        // What a page tells its reader to write, or, before that, to take out.
        string[] made = ["Tools/InvoiceTools.cs", "Tools/CalendarTools.cs", "tests/House/InvoiceTools.cs", "tests/House/AddAToolPageTests.cs"];

        Assert.All(NamedFile().Matches(Prose(document)).Select(match => match.Groups[1].Value).Except(made), file => Assert.True(Path.Exists(Path.Combine(Root, file)), file));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_test_that_is_to_be_run_is_there(string document) =>
        Assert.All(TestClass().Matches(File.ReadAllText(Path.Combine(Root, document))).Select(match => match.Groups[1].Value), name =>
            Assert.Contains(typeof(DocumentTests).Assembly.GetTypes(), type => type.FullName == name));

    [Fact]
    public void Every_document_is_reached_from_the_readme()
    {
        var reached = new HashSet<string>();
        Follow("README.md");

        Assert.Empty(Documents.Select(row => row.Data).Except(reached));

        void Follow(string document)
        {
            if (reached.Add(document))
            {
                foreach (var link in Link().Matches(Prose(document)).Select(match => match.Groups[1].Value.Split('#')[0]).Where(link => link.EndsWith(".md", StringComparison.Ordinal) && !link.Contains("://", StringComparison.Ordinal)))
                {
                    Follow(Path.GetRelativePath(Root, Path.GetFullPath(link, Path.GetDirectoryName(Path.Combine(Root, document))!)).Replace('\\', '/'));
                }
            }
        }
    }

    /// <summary>The text without its blocks of code, which have other rules for brackets.</summary>
    private static string Prose(string document) => Code().Replace(File.ReadAllText(Path.Combine(Root, document)).ReplaceLineEndings("\n"), "");

    /// <summary>What a heading is called in a link.</summary>
    private static string Anchor(string heading) => NotInAnchors().Replace(heading.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"`((?:Auth|Tools|Data|Commands|dev|tests|docs|deploy|bench)/[\w./-]*\w)`")]
    private static partial Regex NamedFile();

    [GeneratedRegex(@"--filter-class (McpFilesServer[\w.]+)")]
    private static partial Regex TestClass();

    [GeneratedRegex(@"^(```|~~~)[^\n]*\n.*?^\1$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();
}
