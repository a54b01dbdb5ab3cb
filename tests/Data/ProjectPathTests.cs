using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

public sealed class ProjectPathTests
{
    public static TheoryData<string> Refused =>
    [
        "/", "/etc/passwd", "//etc/passwd", "///", "C:\\Windows\\win.ini", "C:/Windows", "c:x", "\\\\host\\share\\x", "\\\\?\\C:\\x", "file:///etc/passwd",
        "..", "../bob/secret.txt", "a/../../bob/s", "a/..", "a/../b", "./.././..", "./a", "a/./b", "a/.", "....//bob", "a//b", "a//", " ", "...", ". .",
        "a\\b", "..\\bob", "a\0b", "a\0.txt", "a\nb", "a\tb", "a\u001b[31m", "a\u007f", "a\u0085b", "file.txt:ads", "file.txt::$DATA", "mcpfile://alice/x",
        "a\u202Etxt.exe", "a\u2066b", "a\u200Eb", "a\u061Cb", "a\u200Bb", "a\u200Db", "a\uFEFFb", "a\u2060b", "a\u00ADb", "a\u2028b", "a\u2029b",
        "a\U000E0041b", "a\U000E0000b", "a\U000E0100b", "a\u3164b", "a\u180Eb", "a\uFFFEb", "a\uD800b", "a\uDC00", "\uD83D", "a/\uDE00\uD83D",
        "CON", "con", "nul.txt", "NUL.tar.gz", "COM1", "com9.log", "LPT0", "lpt\u00B3.txt", "a/AUX/b", "PRN .txt", "CONIN$", "conout$",
        "a.", "a ", "a./b", "a /b", " a", "b/ a", "\u00A0a", "a\u3000", "x.txt.", ".mcp-tmp-1", ".mcp-trash/x", "a/.MCP-Trash", ".mcp-",
    ];

    public static TheoryData<string> Accepted =>
    [
        "a", "notes/today.md", ".gitignore", "..a", "a..b", "%2e%2e%2fbob", "%252e%252e", "..%c0%af", "..%u2215", "~/.ssh/id_rsa", "$HOME/x",
        "%USERPROFILE%", "\uFF0E\uFF0E\uFF0F", "-rf", "a b", "'; DROP TABLE x;--", "CONSOLE", "com", "com10", "nul_", "mcp-x", "x.mcp-y", "日本語/ファイル.txt",
        "\U0001F600.txt", "é.md",
    ];

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_bad_path_is_refused_in_a_sentence_that_does_not_repeat_it(string text)
    {
        var sentence = Assert.Throws<ProblemException>(() => ProjectPath.Parse(text)).Message;

        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(sentence, char.IsControl);
        Assert.All(sentence, character => Assert.InRange(character, ' ', '~'));
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_plain_name_is_taken_literally(string text) => Assert.Equal(text, ProjectPath.Parse(text).Text);

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    public void The_project_itself_has_two_spellings(string text)
    {
        var path = ProjectPath.Parse(text);

        Assert.True(path.IsRoot);
        Assert.Equal(("", "", path), (path.Text, path.Name, path.Parent));
        Assert.Empty(path.Components);
    }

    [Fact]
    public void A_path_knows_its_parts()
    {
        var path = ProjectPath.Parse("a/b/c.md/");

        Assert.Equal("a/b/c.md", path.Text);
        Assert.Equal("c.md", path.Name);
        Assert.Equal(ProjectPath.Parse("a/b"), path.Parent);
        Assert.Equal(["a", "b", "c.md"], path.Components);
        Assert.True(path.Parent.Parent.Parent.IsRoot);
    }

    [Fact]
    public void Lengths_are_counted_in_bytes()
    {
        ProjectPath.Parse(new string('a', 255));
        ProjectPath.Parse(new string('é', 127));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(new string('a', 256)));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(new string('é', 128)));

        var names = Enumerable.Repeat(new string('a', 255), 16);
        ProjectPath.Parse(string.Join('/', names));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(string.Join('/', [.. names, "b"])));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(string.Join('/', Enumerable.Repeat(new string('é', 127), 17))));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(new string('a', 50_000_000)));
    }

    [Fact]
    public void Depth_is_bounded()
    {
        ProjectPath.Parse(string.Join('/', Enumerable.Repeat("a", 64)));
        Assert.Throws<ProblemException>(() => ProjectPath.Parse(string.Join('/', Enumerable.Repeat("a", 65))));
    }

    // Whether the runtime has Unicode's tables depends on InvariantGlobalization; either way two spellings never become two files.
    [Theory]
    [InlineData("e\u0301.txt", "é.txt")]
    [InlineData("\u1112\u1161\u11ab", "한")]
    [InlineData("o\u0323\u0302/x", "ộ/x")]
    public void Two_spellings_of_a_name_are_one_path_or_one_is_refused(string decomposed, string composed)
    {
        Assert.Equal(composed, ProjectPath.Parse(composed).Text);
        if ("e\u0301".Normalize().Length == 1)
        {
            Assert.Equal(ProjectPath.Parse(composed), ProjectPath.Parse(decomposed));
        }
        else
        {
            Assert.Throws<ProblemException>(() => ProjectPath.Parse(decomposed));
        }

        Assert.Null(ProjectPath.Root.Child(decomposed.Split('/')[0]));
    }

    [Fact]
    public void A_name_from_the_disk_is_never_read_as_a_path() => Assert.All(
        ["..", ".", "", "a/b", "/", ".mcp-tmp-1", "a\n"],
        name => Assert.Null(ProjectPath.Parse("a").Child(name)));
}
