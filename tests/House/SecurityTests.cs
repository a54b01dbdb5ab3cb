using System.Text.RegularExpressions;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The table of SECURITY.md and the code do not part ways.</summary>
public sealed partial class SecurityTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "SECURITY.md"));

    private static readonly List<(string Id, string Files, string Test)> Rows =
        [.. Row().Matches(Page).Select(match => (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value))];

    [Fact]
    public void Every_requirement_has_a_row()
    {
        string[] required =
        [
            .. Enumerable.Range(1, 13).Concat(Enumerable.Range(16, 8)).Select(number => $"ID-{number:00}"),
            .. Enumerable.Range(1, 11).Concat([13, 14, 15]).Select(number => $"GW-{number:00}"),
            "IV-12",
            .. ((int[])[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]).Select(number => $"DH-{number:00}"),
            .. ((int[])[1, 2, 3, 4, 7, 8, 9, 10, 11, 12]).Select(number => $"OB-{number:00}"),
            .. Enumerable.Range(1, 7).Select(number => $"LR-{number:00}"), "SE-07",
            .. Enumerable.Range(1, 11).Concat([13, 15, 16, 18, 19]).Select(number => $"AS-{number:00}"),
            .. ((int[])[1, 2, 3, 4, 7]).Select(number => $"RL-{number:00}"),
            .. Enumerable.Range(1, 8).Select(number => $"AU-{number:00}"),
            "SE-01", "SE-03", "SE-05",
            .. Enumerable.Range(1, 7).Select(number => $"HI-{number:00}"),
            .. ((int[])[2, 3, 4, 5, 10, 11]).Select(number => $"IV-{number:00}"),
            "SE-06", "RL-06",
            .. Enumerable.Range(2, 6).Select(number => $"TI-{number:00}"), "IV-01", "IV-06", "IV-07",
        ];

        Assert.Equal(required.Order(StringComparer.Ordinal), Rows.Select(row => row.Id).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_attack_of_the_catalogue_has_a_test()
    {
        string[] attacks =
        [
            "A03", "A06", "A07", "A10", "A11", "A13", "A14", "A16", "A17", "A20", "A21", "A22", "A23", "A32",
            "B01", "B04", "B09", "B11", "B14", "B16", "B17", "B18", "B19",
            "C02", "C03", "C04", "C06", "C11", "C12", "C13",
            "D01", "D02", "D06", "D11",
            "F06", "F07", "F08", "F12", "F14", "F19", "F20", "H13",
            "E02", "E04", "E05", "E06", "E07", "E08", "E09", "E10", "E12", "E14", "E18", "E19",
            "H05", "H08",
            "I01", "I03", "I04", "I06", "I07", "I08", "I10", "I13", "I16", "I17",
            "H03",
            "F01", "F02", "F04", "F06", "F07", "F08", "F10", "F11", "F12", "F20", "G13",
            "G02", "G03", "G04", "G16", "G17", "H12",
            "C04", "C07", "C08", "C10",
        ];
        var tested = typeof(SecurityTests).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetCustomAttributes(typeof(TraitAttribute), inherit: true).Cast<TraitAttribute>())
            .Where(trait => trait.Name == "Attack").Select(trait => trait.Value).ToHashSet();

        Assert.Empty(attacks.Except(tested));
    }

    [Fact]
    public void The_table_of_roles_is_the_one_in_the_code()
    {
        var rules = typeof(Roles).GetFields().Where(field => field.IsLiteral).Select(field => (field.Name, ((McpFilesServer.Data.Role)field.GetRawConstantValue()!).Name()));

        Assert.Equal(rules, RoleRow().Matches(Page).Select(match => (match.Groups[1].Value, match.Groups[2].Value)));
    }

    [Fact]
    public void Every_file_is_there() =>
        Assert.All(Rows, row => Assert.True(File.Exists(Path.Combine(ServerProcess.RepositoryRoot, row.Files)), row.Files));

    [Fact]
    public void Every_test_is_there_and_runs() =>
        Assert.All(Rows, row =>
        {
            var name = row.Test.Split('.');
            var test = typeof(SecurityTests).Assembly.GetTypes().SingleOrDefault(type => type.Name == name[0])?.GetMethod(name[1]);
            Assert.True(test is not null, row.Test);
            var fact = Assert.Single(test.GetCustomAttributes(typeof(FactAttribute), inherit: true).Cast<FactAttribute>());
            Assert.Null(fact.Skip);
        });

    [Fact]
    public void Every_file_that_the_diagram_names_is_there() =>
        Assert.All(
            DiagramFile().Matches(Page[Page.IndexOf("```mermaid", StringComparison.Ordinal)..Page.IndexOf("## What it defends", StringComparison.Ordinal)]).Select(match => match.Value),
            file => Assert.True(
                File.Exists(Path.Combine(ServerProcess.RepositoryRoot, file)) || File.Exists(Path.Combine(ServerProcess.RepositoryRoot, "Auth", file)), file));

    [Fact]
    public void Every_line_of_the_minimum_bar_is_met_by_rows_of_the_table()
    {
        var lines = BarRow().Matches(Page).Select(match => (Number: match.Groups[1].Value, Ids: match.Groups[2].Value.Split(", "))).ToList();

        Assert.Equal(Enumerable.Range(1, 15).Select(number => $"{number}"), lines.Select(line => line.Number));
        Assert.All(lines, line => Assert.Empty(line.Ids.Except(Rows.Select(row => row.Id))));
    }

    [GeneratedRegex(@"^\| (\d+) \| [^|]+ \| [^|]+ \| ((?:[A-Z]{2}-\d\d(?:, )?)+) \|", RegexOptions.Multiline)]
    private static partial Regex BarRow();

    [GeneratedRegex(@"\| `(\w+)` \| (reader|editor|owner) \|")]
    private static partial Regex RoleRow();

    [GeneratedRegex(@"^\| ([A-Z]{2}-\d\d) \| [^|]+ \| `([^`]+)` \| `([^`]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"[\w/]+\.cs")]
    private static partial Regex DiagramFile();
}
