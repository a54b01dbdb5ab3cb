using System.Text;
using McpFilesServer.Data;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>Patterns of all kinds: for paths, of ignore files, and the literals of regular expressions.</summary>
public sealed class PatternTests
{
    [Theory]
    [InlineData("*.md", "a/b/readme.MD", true)]
    [InlineData("*.md", "readme.md", true)]
    [InlineData("*.md", "readme.mdx", false)]
    [InlineData("src/*.cs", "src/a.cs", true)]
    [InlineData("src/*.cs", "src/x/a.cs", false)]
    [InlineData("src/*.cs", "x/src/a.cs", false)]
    [InlineData("src/**/*.cs", "src/a.cs", true)]
    [InlineData("src/**/*.cs", "src/x/y/a.cs", true)]
    [InlineData("**/test/**", "a/test/b/c", true)]
    [InlineData("**/test/**", "a/test", false)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a[b-d]e", "ace", true)]
    [InlineData("a[!b-d]e", "ace", false)]
    [InlineData("*.{ts,tsx}", "x/a.tsx", true)]
    [InlineData("*.{ts,tsx}", "x/a.js", false)]
    [InlineData("\\[id\\].tsx", "[id].tsx", true)]
    [InlineData("(a+)+", "(a+)+", true)]
    [InlineData("../*", "a", false)]
    public void A_glob_matches_paths(string pattern, string path, bool matches) =>
        Assert.Equal(matches, Glob.Parse(pattern).Matches(path.Split('/')));

    [Theory]
    [InlineData("/")]
    [InlineData("[z-a]")]
    [InlineData("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i/j/k/l/m/n")]
    public void A_glob_that_is_none_is_refused_in_one_sentence(string pattern) =>
        Assert.StartsWith("The pattern is not one", Assert.Throws<ProblemException>(() => Glob.Parse(pattern)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("*.log\n!keep.log", "x/a.log", false, true)]
    [InlineData("*.log\n!keep.log", "x/keep.log", false, false)]
    [InlineData("/build", "build", true, true)]
    [InlineData("/build", "x/build", true, false)]
    [InlineData("build/", "x/build", true, true)]
    [InlineData("build/", "x/build", false, false)]
    [InlineData("doc/*.txt", "doc/a.txt", false, true)]
    [InlineData("doc/*.txt", "x/doc/a.txt", false, false)]
    [InlineData("**/foo/bar", "x/y/foo/bar", false, true)]
    [InlineData("abc/**", "abc/d", false, true)]
    [InlineData("# no\n\n\\#yes\r\n", "#yes", false, true)]
    [InlineData("Case", "case", false, false)]
    [InlineData("trailing   ", "trailing", false, true)]
    public void An_ignore_file_is_read_as_Git_reads_it(string content, string path, bool isDirectory, bool ignored) =>
        Assert.Equal(ignored, new IgnoreFile(null, 0, Encoding.UTF8.GetBytes(content)).Ignores(path.Split('/'), isDirectory));

    [Fact]
    public void The_ignore_file_of_an_inner_directory_goes_first()
    {
        var outer = new IgnoreFile(null, 0, "*.txt"u8);
        var inner = new IgnoreFile(outer, 1, "!a.txt"u8);

        Assert.False(inner.Ignores(["dir", "a.txt"], false));
        Assert.True(inner.Ignores(["dir", "b.txt"], false));
    }

    [Theory]
    [InlineData("public class", "public class")]
    [InlineData("TODO.*fix", "TODO")]
    [InlineData("colou?rs", "colo")]
    [InlineData("ab*cdef", "cdef")]
    [InlineData("ab+cd", "ab")]
    [InlineData("(a|b)hello", "hello")]
    [InlineData(@"\bword\b", "word")]
    [InlineData(@"a\.b\(c", "a.b(c")]
    [InlineData("x{3}yz", "yz")]
    [InlineData("a|b", null)]
    [InlineData(@"\x41bc", null)]
    [InlineData("(?i)abc", null)]
    [InlineData("[a-z]+", null)]
    [InlineData("a{[}]b", "b")]
    [InlineData("a{[}]*", null)]
    public void The_literal_of_an_expression_is_what_every_match_has(string pattern, string? literal)
    {
        var found = RequiredLiteral.Of(pattern, ignoreCase: false);

        Assert.Equal(literal is null, found is null);
        Assert.Equal(literal is null ? null : 1, found?.IndexIn(Encoding.UTF8.GetBytes($"-{literal}")));
    }

    [Fact]
    public void Whatever_an_expression_matches_has_its_literal()
    {
        var random = new Random(5);
        string[] pieces = ["a", "b", "k", "K", "\u212A", "é", "É", ".", "a*", "b?", "(", ")", "|", "[ab]", "[^k]", "{2}", "{0,1}", "+", "\\.", "\\w", "\\d", "^", "$", "{", "}", "(?:", "\\x61", "\\k", " ", "[]a]", "😀", "?"];
        var tried = 0;
        for (var i = 0; i < 60_000; i++)
        {
            var pattern = string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => pieces[random.Next(pieces.Length)]));
            var ignoreCase = random.Next(2) == 0;
            TextQuery query;
            try
            {
                query = TextQuery.Of(pattern, ignoreCase, 0);
            }
            catch (ProblemException)
            {
                continue;
            }

            for (var j = 0; j < 6 && query.Literal is not null; j++)
            {
                var text = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => "abkABK\u212Aéé.]{}2 😀x"[random.Next(17)]));
                if (!text.Any(char.IsSurrogate) && query.Regex.IsMatch(text))
                {
                    tried++;
                    Assert.True(query.Literal.IndexIn(Encoding.UTF8.GetBytes(text)) >= 0, $"{pattern} ({ignoreCase}) matches '{text}'");
                }
            }
        }

        Assert.True(tried > 1000, $"{tried}");
    }

    [Theory]
    [InlineData("(?=x)y")]
    [InlineData("(?<!x)y")]
    [InlineData(@"(x)\1")]
    [InlineData("(a{1000}){1000}")]
    [InlineData("((a{1,30}){1,30}){1,30}")]
    [InlineData("(((((((((((((((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+{900}")]
    [InlineData("a[")]
    [InlineData("(")]
    [InlineData("*")]
    public void An_expression_that_might_run_away_or_is_none_is_refused_and_not_repeated(string pattern)
    {
        var sentence = Assert.Throws<ProblemException>(() => TextQuery.Of(pattern, false, 0)).Message;

        Assert.DoesNotContain(pattern, sentence.Replace("a regular", "", StringComparison.Ordinal).Replace("(", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.StartsWith("The pattern", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain\ttext\r\n\u00e9\u202e😀", "plain\ttext\r\n\u00e9\u202e😀", 0)]
    [InlineData("\u001b[31mred\u0007", "␛[31mred␇", 2)]
    [InlineData("a\u007fb\u009bc\u0000", "a␡b\ufffdc␀", 3)]
    [InlineData("x\U000E0049\U000E0067y", "x\ufffd\ufffdy", 2)]
    [InlineData("❤\ufe0f \u845b\U000E0100", "❤\ufe0f \u845b\U000E0100", 0)]
    [InlineData("a\ufe00\ufe01\U000E0101b", "a\ufe00\ufffd\ufffdb", 2)]
    public void Invisible_characters_become_visible_signs_and_are_counted(string text, string visible, int replaced)
    {
        Assert.Equal(visible, VisibleText.Of(text, out var count));
        Assert.Equal(replaced, count);
    }
}
