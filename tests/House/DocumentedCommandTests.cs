using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Commands;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What the documents tell people to type, and the settings that they name: the program, its verb, its options, the files and the versions are there.</summary>
public sealed partial class DocumentedCommandTests
{
    private static readonly string Root = ServerProcess.RepositoryRoot;

    /// <summary>What is not this repository's, and is only named.</summary>
    private static readonly string[] Foreign = ["curl", "git", "cd", "cp", "install", "useradd", "systemctl", "systemd-run", "docker", "kubectl", "claude", "az", "chmod"];

    private static readonly string[] Verbs = ["run", "build", "test", "watch", "format", "publish", "restore", "pack", "new"];

    private static readonly string[] Audit = ["verify", "export"];

    public static TheoryData<string> Documents => DocumentTests.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_command_is_one_that_there_is(string document) => Assert.All(Commands(File.ReadAllText(Path.Combine(Root, document)).ReplaceLineEndings("\n")), command => Assert.True(IsThere(command, out var why), $"{command}: {why}"));

    [Theory]
    [InlineData("dotnet run -- chek")]
    [InlineData("dotnet run --no-build -- revoke --usr SUBJECT")]
    [InlineData("dotnet McpFilesServer.dll audit verfy")]
    [InlineData("dotnet publish Nowhere.csproj -c Release")]
    [InlineData("dotnet test --filter-namespace \"McpFilesServer.Tests.Hous*\"")]
    [InlineData("deploy/backups.sh /a /b")]
    [InlineData("npx -y mcp-remote@0.0.1 http://localhost:5080/mcp")]
    [InlineData("curl http://localhost:5080/health/reddy")]
    [InlineData("Storage__Directry=/srv dotnet McpFilesServer.dll check")]
    [InlineData("docker exec files dotnet McpFilesServer.dll audit verfy")]
    [InlineData("make all")]
    public void A_command_that_there_is_not_is_noticed(string command) => Assert.False(IsThere(command, out _), command);

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_setting_that_is_named_is_one(string document) =>
        Assert.All(NamedSetting().Matches(File.ReadAllText(Path.Combine(Root, document))).Select(match => match.Groups[1].Value), setting => Assert.True(IsSetting(setting), setting));

    /// <summary>What stands in blocks of shell, and between marks of code in the text when it begins like one.</summary>
    private static IEnumerable<string> Commands(string text) =>
        Block().Matches(text).SelectMany(match => match.Groups[1].Value.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
            .Concat(Inline().Matches(AnyBlock().Replace(text, "")).Select(match => match.Groups[1].Value))
            .Select(line => Comment().Replace(line, "").Trim()).Where(line => line.Length > 0).SelectMany(line => line.Split(" && "));

    private static bool IsThere(string command, out string why)
    {
        why = "";
        var words = Word().Matches(Substitution().Replace(command, "$1")).Select(match => match.Value.Trim('"', '\'')).ToList();
        foreach (var setting in words.TakeWhile(word => Assignment().IsMatch(word)).ToList())
        {
            words.RemoveAt(0);
            why = IsSetting(setting.Split('=')[0]) ? why : $"no setting {setting}";
        }

        foreach (var address in words.Where(word => word.StartsWith("http://localhost:", StringComparison.Ordinal)).Select(word => new Uri(word).AbsolutePath))
        {
            why = address is "/" or "/mcp" or "/health/live" or "/health/ready" or "/.well-known/oauth-protected-resource/mcp" ? why : $"no path {address}";
        }

        // Somebody else's program that runs this one.
        var inner = words.IndexOf("dotnet");
        why = why.Length > 0 ? why : words is not [var first, ..] ? "nothing"
            : first == "dotnet" ? Dotnet(words[1..])
            : inner > 0 ? Dotnet(words[(inner + 1)..])
            : first is "npx" ? Version(words.First(word => word.Contains('@', StringComparison.Ordinal)))
            : first is "npm" ? words.Count == 2 && words[1] == "ci" ? "" : "npm ci is all"
            : first.EndsWith(".sh", StringComparison.Ordinal) || first == ".ci/run" ? Exists(first)
            : Foreign.Contains(first) ? "" : $"what is {first}?";
        return why.Length == 0;
    }

    private static string Dotnet(List<string> words) => words switch
    {
        [var assembly, .. var operands] when assembly.EndsWith(".dll", StringComparison.Ordinal) => assembly.EndsWith("McpFilesServer.dll", StringComparison.Ordinal) ? OwnVerb(operands) : $"what is {assembly}?",
        ["run", .. var options] when options.Contains("--project") => Exists(options[options.IndexOf("--project") + 1]),
        ["run", .. var options] => options.IndexOf("--") is >= 0 and var at ? OwnVerb(options[(at + 1)..]) : "",
        ["new", var what, ..] => what is "install" or "uninstall" or "mcp-secure" ? "" : $"no template {what}",
        ["new"] => "",
        ["test", .. var options] => Filter(options),
        [var verb, .. var operands] when Verbs.Contains(verb) =>
            operands.Where(word => word.EndsWith(".slnx", StringComparison.Ordinal) || word.EndsWith(".csproj", StringComparison.Ordinal)).Select(Exists).FirstOrDefault(fault => fault.Length > 0, ""),
        _ => $"no verb {words.FirstOrDefault()}",
    };

    /// <summary>A command of the server, as it reads it itself. Those that a Release build has not are there in the others.</summary>
    private static string OwnVerb(List<string> words) =>
        words.Count == 0 ? "" : CommandLine.IsMisspelt([.. words]) ? $"no command {string.Join(' ', words)}"
        : words[0] == AuditCommand.Name && !Audit.Contains(words.ElementAtOrDefault(1)) ? "audit verify or audit export"
        : words.Where(word => word.StartsWith("--", StringComparison.Ordinal) && word.Contains(':', StringComparison.Ordinal)).FirstOrDefault(word => !IsSetting(word[2..].Split('=')[0])) ?? "";

    private static string Filter(List<string> options) => options switch
    {
        ["--filter-class", "Full.Name"] or [] or ["--no-build"] => "",
        ["--filter-class", var name] => Types.Any(type => type.FullName == name) ? "" : $"no class {name}",
        ["--filter-namespace", var name] => Types.Any(type => type.Namespace == name.TrimEnd('*')) ? "" : $"no namespace {name}",
        _ => $"what is {string.Join(' ', options)}?",
    };

    private static string Exists(string file) => Path.Exists(Path.Combine(Root, file)) ? "" : $"no file {file}";

    /// <summary>The version of a package of npm is the one that the tests run.</summary>
    private static string Version(string package)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "tests", "clients", "package.json")));
        var at = package.LastIndexOf('@');
        return json.RootElement.GetProperty("dependencies").TryGetProperty(package[..at], out var version) && version.GetString() == package[(at + 1)..] ? "" : $"not the tested {package[..at]}";
    }

    /// <summary>A row of docs/settings.md, or what several of them begin with.</summary>
    private static bool IsSetting(string name)
    {
        var key = Number().Replace(name.Replace("__", ":", StringComparison.Ordinal).Split('=')[0], ":N").TrimEnd(':', '…');
        return key.StartsWith("Obo", StringComparison.Ordinal) || key.StartsWith("Downstream:Apis:", StringComparison.Ordinal) || key.StartsWith("ASPNETCORE_", StringComparison.Ordinal) || key.StartsWith("OTEL_", StringComparison.Ordinal)
            || Settings.Any(setting => setting == key || setting == $"{key}:N" || setting.StartsWith($"{key}:", StringComparison.Ordinal));
    }

    private static Type[] Types { get; } = typeof(DocumentedCommandTests).Assembly.GetTypes();

    private static string[] Settings { get; } = [.. SettingRow().Matches(File.ReadAllText(Path.Combine(Root, "docs", "settings.md"))).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"^```bash\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(```|~~~)[^\n]*\n.*?^\1$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex AnyBlock();

    [GeneratedRegex(@"`((?:dotnet|npx -y|npm) [^`]+)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"(^| )#.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\w+=\$\((.*)\)$")]
    private static partial Regex Substitution();

    [GeneratedRegex("""(?:"[^"]*"|'[^']*'|[^\s"'])+""")]
    private static partial Regex Word();

    [GeneratedRegex(@"^[A-Z]\w*=\S")]
    private static partial Regex Assignment();

    [GeneratedRegex(@":\d+(?=:|$)")]
    private static partial Regex Number();

    [GeneratedRegex(@"`((?:Mcp|Auth|Limits|Storage|Files|Workspaces|Audit|Graph|Downstream|Exchange|Dev)(?::|__)[\w:=…]+)`")]
    private static partial Regex NamedSetting();

    [GeneratedRegex(@"^\| `([A-Z][\w:…]+)` \|", RegexOptions.Multiline)]
    private static partial Regex SettingRow();
}
