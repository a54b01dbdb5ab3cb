using System.Text;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>Lines are found in the bytes of a file, block by block; here beside the plain way, which decodes it whole. Files and ranges are by chance, the same in each run.</summary>
public sealed class TextLinesTests
{
    private const int Most = 100_000;

    private static readonly (string Name, Encoding Encoding, bool Mark)[] Encodings =
    [
        ("utf-8", new UTF8Encoding(false), false), ("utf-8-bom", new UTF8Encoding(true), true),
        ("utf-16le", new UnicodeEncoding(false, true), true), ("utf-16be", new UnicodeEncoding(true, true), true),
        ("utf-16le", new UnicodeEncoding(false, false), false),
    ];

    [Fact]
    public async Task What_is_given_is_what_a_plain_reading_gives()
    {
        using var scratch = new Scratch();
        using var room = new BytesInFlight(new FilesOptions());
        var random = new Random(20261123);
        for (var i = 0; i < 400 * Scale.Factor; i++)
        {
            var (name, encoding, mark) = Encodings[random.Next(Encodings.Length)];
            // Without a mark only the zeros beside plain letters tell UTF-16.
            var text = Text(random, name == "utf-8" || mark, random.Next(8) switch { 0 => 0, < 5 => random.Next(200), < 7 => random.Next(2_000), _ => random.Next(4_000) });
            await File.WriteAllBytesAsync(scratch.On("a.txt"), [.. mark ? encoding.GetPreamble() : [], .. encoding.GetBytes(text)], TestContext.Current.CancellationToken);
            var lines = Lines(text);
            var (from, count) = (random.Next(1, Math.Max(2, lines.Count + 2)), random.Next(1, Math.Max(2, lines.Count + 2)));
            var way = random.Next(4);
            var range = way switch
            {
                0 => LineRange.Of(null, null, null, null),
                1 => LineRange.Of(count, null, null, null),
                2 => LineRange.Of(null, count, null, null),
                _ => LineRange.Of(null, null, from, from + count - 1),
            };
            var wanted = string.Concat(way switch { 0 => lines, 1 => lines.Take(count), 2 => lines.TakeLast(count), _ => lines.Skip(from - 1).Take(count) });

            using var memory = new AnswerMemory(room);
            using var file = scratch.Folder.OpenRead(ProjectPath.Parse("a.txt"));
            var part = TextLines.Read(file, range, Most, memory, TestContext.Current.CancellationToken);
            var given = Encoding.UTF8.GetString(part.Text.Utf8);

            var what = $"file {i}: {name}, {text.Length} characters, {lines.Count} lines, {range}";
            // Of a file without a mark and without letters nobody can tell.
            Assert.True(name == part.Given.Encoding || text.Length == 0, what);
            if (encoding.GetByteCount(wanted) <= Most - 8)
            {
                Assert.True(given == wanted && !part.Given.Cut, what);
            }
            else
            {
                Assert.True(part.Given.Cut || given == wanted, what);
                Assert.True(way == 2 ? wanted.EndsWith(given, StringComparison.Ordinal) : wanted.StartsWith(given, StringComparison.Ordinal), what);
                Assert.InRange(encoding.GetByteCount(given), 1, Most + 8);
            }
        }
    }

    /// <summary>Lines of any length, some longer than a block, that end in any way.</summary>
    private static string Text(Random random, bool letters, int lines)
    {
        var text = new StringBuilder();
        for (var i = 0; i < lines; i++)
        {
            text.Append("ab").Append(letters && random.Next(6) == 0 ? "Größe – 漢字 😀" : "").Append('x', random.Next(200) == 0 ? random.Next(90_000) : random.Next(60));
            text.Append(i + 1 == lines && random.Next(2) == 0 ? "" : random.Next(3) == 0 ? "\r\n" : "\n");
        }

        return text.ToString();
    }

    private static List<string> Lines(string text)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOf('\n', start) is >= 0 and var feed ? feed + 1 : text.Length;
            lines.Add(text[start..end]);
            start = end;
        }

        return lines;
    }
}
