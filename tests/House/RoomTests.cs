using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The rooms of the house and what they know of each other: Program → Tools → Auth's caller, Data. Read from the source.</summary>
public sealed partial class RoomTests
{
    /// <summary>What a room may name of another: whole rooms for Tools, single crossings between Auth and Data.</summary>
    private static readonly Dictionary<string, (string[] Rooms, string[] Crossings)> Allowed = new()
    {
        ["Auth"] = (["Auth"], ["IPerson", "ICaller", "IDownstreamToken"]),
        ["Data"] = (["Data"], ["IAudit", "AuditRecord", "IRevocations", "IRevocable", "Revocation", "RevocationKind", "IQuestions", "OpenQuestion"]),
        ["Tools"] = (["Tools", "Auth", "Data"], []),
        ["Commands"] = (["Commands", "Tools", "Auth", "Data"], []),
        ["Front"] = (["Auth"], []),
        // What pages have in common; nothing else of that room is compiled into it.
        ["dev"] = (["Front"], []),
    };

    [Theory]
    [InlineData("Auth", "Data")]
    [InlineData("Data", "Auth")]
    public void Auth_and_Data_know_only_what_crosses_as_an_interface(string room, string other)
    {
        var types = Sources(other).SelectMany(file => TypeName().Matches(Comment().Replace(File.ReadAllText(file), "")).Select(match => match.Groups[1].Value))
            .Except(Allowed[room].Crossings).ToHashSet();

        foreach (var file in Sources(room).Where(file => File.ReadAllText(file).Contains($"McpFilesServer.{other}", StringComparison.Ordinal)))
        {
            var code = Comment().Replace(File.ReadAllText(file), "");
            Assert.DoesNotContain(types, type => Regex.IsMatch(code, $@"(?<![\w.@""]){type}(?!\w| =)"));
        }
    }

    [Fact]
    public void No_room_uses_a_room_that_it_should_not_know() =>
        Assert.All(Allowed, room => Assert.All(Sources(room.Key), file =>
        {
            var used = Using().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value);
            var allowed = room.Value.Rooms.Concat(room.Value.Crossings.Length > 0 ? ["Auth", "Data"] : []);
            Assert.True(!used.Except(allowed).Any(), $"{file} uses {string.Join(", ", used.Except(allowed))}");
        }));

    [Fact]
    public void Tools_know_no_HTTP_no_claims_no_SQL_and_no_configuration() =>
        Assert.All(Sources("Tools").Where(file => !file.EndsWith("ToolsSetup.cs", StringComparison.Ordinal)), file =>
            Assert.DoesNotMatch(@"HttpContext|Claims|IConfiguration|Dapper|Sqlite", File.ReadAllText(file)));

    [Fact]
    public void Only_the_disk_layer_opens_files_of_projects() =>
        Assert.All(Sources("Data").Where(file => !file.EndsWith("Database.cs", StringComparison.Ordinal) && !file.Contains($"{Path.DirectorySeparatorChar}Disk{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).Concat(Sources("Tools")), file =>
            Assert.DoesNotMatch(@"\bFile\.|new FileStream|File\.Open|Directory\.Delete|new FileInfo", Comment().Replace(File.ReadAllText(file), "")));

    [Theory]
    [InlineData("Schema")]
    [InlineData("AuditSchema")]
    public void No_two_scripts_of_a_schema_have_one_number_because_the_second_would_never_run(string schema)
    {
        var numbers = Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, "Data", schema), "*.sql").Select(file => Path.GetFileName(file)[..3]).ToList();

        Assert.NotEmpty(numbers);
        Assert.Equal(numbers.Distinct(), numbers);
    }

    [Fact]
    public void The_clock_is_never_read_directly() =>
        Assert.All(Allowed.Keys.SelectMany(Sources), file =>
            Assert.DoesNotMatch(@"DateTime(Offset)?\.(Utc)?Now|Thread\.Sleep", File.ReadAllText(file)));

    private static IEnumerable<string> Sources(string room) =>
        Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, room), "*.cs", SearchOption.AllDirectories);

    [GeneratedRegex(@"(?<!var )(?:class|record|struct|interface|enum) ([A-Z]\w*)")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"using McpFilesServer\.(\w+);")]
    private static partial Regex Using();
}
