using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpFilesServer.Data;
using McpFilesServer.Tests.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Win32.SafeHandles;
using ModelContextProtocol.Server;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>
/// Block F for reading: every bad path goes into every path argument of every tool that only reads, as the list of tools has them, so that a new tool is
/// attacked from its first day. The foreign content lies where each attack aims at.
/// </summary>
public sealed partial class FileReadAttacks(Server server)
{
    private const string Foreign = "FOREIGN-CONTENT";

    [Theory]
    [Trait("Attack", "F01")]
    [InlineData("../bob/secret.txt")]
    [InlineData("a/../../bob/s")]
    [InlineData("....//bob")]
    [InlineData("./.././..")]
    [InlineData("..")]
    [InlineData("a/..")]
    [InlineData("./mine.txt")]
    [InlineData("a/./mine.txt")]
    [InlineData("../{slug}/mine.txt")]
    [InlineData("..\\..\\server.db")]
    [InlineData("../../server.db")]
    [InlineData("../../keys")]
    public Task A_way_up_is_refused(string path) => EveryToolRefusesAsync(path);

    [Theory]
    [Trait("Attack", "F02")]
    [InlineData("/etc/passwd")]
    [InlineData("//etc/passwd")]
    [InlineData("/")]
    [InlineData(@"C:\Windows\win.ini")]
    [InlineData("C:mine.txt")]
    [InlineData(@"\\host\share\x")]
    [InlineData(@"\\?\C:\x")]
    [InlineData(@"\??\C:\x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("project://welcome/readme.md")]
    [InlineData("~/.ssh/id_rsa")]
    [InlineData("$HOME/x")]
    [InlineData("%USERPROFILE%")]
    [InlineData("{storage}/server.db")]
    public Task An_address_elsewhere_is_refused(string path) => EveryToolRefusesAsync(path);

    [Theory]
    [Trait("Attack", "F04")]
    [InlineData("%2e%2e%2fbob")]
    [InlineData("%252e%252e")]
    [InlineData("..%c0%af")]
    [InlineData("..%u2215")]
    [InlineData("．．／mine.txt")]
    [InlineData("mine%2etxt")]
    [InlineData("..∕bob")]
    [InlineData("‥/bob")]
    [InlineData("&#46;&#46;/bob")]
    [InlineData("\\u002e\\u002e/bob")]
    public Task Nothing_is_decoded(string path) => EveryToolRefusesAsync(path);

    [Theory]
    [Trait("Attack", "F10")]
    [InlineData("CON")]
    [InlineData("nul.txt")]
    [InlineData("COM1")]
    [InlineData("com¹.log")]
    [InlineData("a/LPT9.txt")]
    [InlineData("CONIN$")]
    [InlineData("mine.txt:ads")]
    [InlineData("mine.txt::$DATA")]
    [InlineData("mine.txt.")]
    [InlineData("mine.txt ")]
    [InlineData(" mine.txt")]
    [InlineData("a./mine.txt")]
    public Task Names_that_mean_something_else_somewhere_are_refused(string path) => EveryToolRefusesAsync(path);

    [Theory]
    [Trait("Attack", "own: characters that are not seen or not text")]
    [InlineData("mine.txt\u0000")]
    [InlineData("mine.txt\u0000.png")]
    [InlineData("mi\u200bne.txt")]
    [InlineData("mine\u202etxt.")]
    [InlineData("\ufeffmine.txt")]
    [InlineData("mine.txt\n")]
    [InlineData("mine.txt\u001b[2J")]
    [InlineData("mine\u00adtxt")]
    [InlineData("mine.txt\U000E0041")]
    [InlineData("mine.txt\ufe0f")]
    [InlineData("mine.txt\u2028")]
    [InlineData("mine.txt\uffff")]
    [InlineData("a//mine.txt")]
    [InlineData("mine.txt//")]
    [InlineData("mine.txt/")]
    [InlineData(".mcp-tmp-x")]
    [InlineData(".MCP-trash/x")]
    public async Task Text_that_is_no_path_is_refused(string path)
    {
        // The composed and the trailing form of the same name are that name, and no other.
        await EveryToolRefusesAsync(path is "mine.txt\ufe0f" or "mine.txt/" ? path + "x" : path);
    }

    [Theory]
    [Trait("Attack", "own: paths that are too much")]
    [InlineData(300, 1)]
    [InlineData(1, 65)]
    [InlineData(100, 50)]
    [InlineData(100_000, 1)]
    [InlineData(1, 100_000)]
    public Task A_path_that_is_too_long_or_too_deep_is_refused(int length, int depth) =>
        EveryToolRefusesAsync(string.Join('/', Enumerable.Repeat(new string('a', length), depth)));

    [Theory]
    [Trait("Attack", "F06")]
    [InlineData("to-etc/passwd")]
    [InlineData("to-outside")]
    [InlineData("to-outside/secret.txt")]
    [InlineData("relative/secret.txt")]
    [InlineData("chain/secret.txt")]
    [InlineData("file-link")]
    [InlineData("link-to-link")]
    [InlineData("dangling")]
    [InlineData("loop")]
    [InlineData("loop/x")]
    [InlineData("inside-link/mine.txt")]
    [InlineData("a/up/mine.txt")]
    [Trait("Attack", "F11")]
    [InlineData("proc/self/environ")]
    [InlineData("proc-link/environ")]
    [InlineData("magic/etc/passwd")]
    [InlineData("dev-zero")]
    [InlineData("fifo")]
    [InlineData("socket")]
    [InlineData("fifo/x")]
    [Trait("Attack", "F07")]
    [InlineData("hard.txt")]
    public async Task What_somebody_planted_on_the_disk_is_nothing(string path)
    {
        var project = await PlantAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(project.Folder, "socket")));

        foreach (var sentence in await EveryToolRefusesAsync(path, project))
        {
            Assert.Matches("^There is no (file or directory|directory) at ", sentence);
        }

        foreach (var (tool, arguments) in ((string, object)[])
        [
            ("list_directory", new { project = project.Slug }), ("directory_tree", new { project = project.Slug, depth = 9 }),
            ("search_files", new { project = project.Slug, pattern = "**" }), ("search_text", new { project = project.Slug, pattern = ".", use_ignore_files = true }),
        ])
        {
            var shown = (await server.CallAsync(project.Token, tool, arguments)).Structured.GetRawText();
            Assert.Contains("mine.txt", shown, StringComparison.Ordinal);
            Assert.Empty(PathOf().Matches(shown).Select(match => match.Groups[1].Value).Except(["", "a", "a/mine.txt", "mine.txt"]));
            Assert.DoesNotContain(Foreign, shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Attack", "F08")]
    public async Task A_directory_that_keeps_turning_into_a_link_gives_no_foreign_byte_through_any_tool()
    {
        var project = await PlantAsync();
        using var root = new SafeFileHandle(LinuxCalls.Open(LinuxCalls.CurrentDirectory, project.Folder, LinuxCalls.DirectoryOnly, 0), ownsHandle: true);
        Directory.CreateDirectory(Path.Combine(project.Folder, "swap"));
        File.WriteAllText(Path.Combine(project.Folder, "swap", "secret.txt"), "mine");
        using var stop = new CancellationTokenSource();
        var swaps = Task.Run(() =>
        {
            var count = 0;
            for (; !stop.IsCancellationRequested; count++)
            {
                Assert.Equal(0, LinuxCalls.Rename(root, "swap", root, "to-outside", LinuxCalls.RenameExchange));
            }

            return count;
        });

        var given = 0;
        for (var i = 0; i < 40 * Scale.Factor; i++)
        {
            foreach (var answer in (await AnswersAsync("swap/secret.txt", project)).Concat(await AnswersAsync("swap", project)))
            {
                Assert.DoesNotContain(Foreign, answer.Reply.Text, StringComparison.Ordinal);
                Assert.DoesNotContain(Convert.ToBase64String("FOREIGN-CONTE"u8)[..12], answer.Reply.Text, StringComparison.Ordinal);
                given += answer.Reply.IsError ? 0 : 1;
            }
        }

        await stop.CancelAsync();
        Assert.True(await swaps > 0 && given > 0);
    }

    [Fact]
    [Trait("Attack", "F12")]
    public async Task Twins_are_distinct_or_not_there()
    {
        var project = await PlantAsync();
        File.WriteAllText(Path.Combine(project.Folder, "Mine.txt"), "other case");
        File.WriteAllText(Path.Combine(project.Folder, "e\u0301.txt"), Foreign);
        File.WriteAllText(Path.Combine(project.Folder, "é.txt"), "composed");

        Assert.Equal("mine", (await ReadAsync(project, "mine.txt")).Content);
        Assert.Equal("other case", (await ReadAsync(project, "Mine.txt")).Content);
        Assert.Equal("There is no file or directory at 'MINE.TXT'.", (await ReadAsync(project, "MINE.TXT")).Failure);
        Assert.Equal("composed", (await ReadAsync(project, "é.txt")).Content);
        Assert.Equal("composed", (await ReadAsync(project, "e\u0301.txt")).Content);
        Assert.Empty((await server.CallAsync(project.Token, "search_text", new { project = project.Slug, pattern = Foreign })).Structured.GetProperty("matches").EnumerateArray());
    }

    [Fact]
    [Trait("Attack", "F20")]
    public async Task Every_reading_tool_answers_for_a_foreign_project_as_for_one_that_never_was()
    {
        var project = await PlantAsync();
        var bob = await server.Tokens.OfAsync("bob", "projects:read files:read");
        var missing = project.Slug[..^8] + "zzzzzzzz";

        foreach (var path in (string[])["mine.txt", "a", "no.txt", "../x"])
        {
            foreach (var (tool, foreign) in await AnswersAsync(path, project with { Token = bob }))
            {
                Assert.True(foreign.IsError, tool);
                var absent = (await AnswersAsync(path, project with { Token = bob, Slug = missing })).First(answer => answer.Tool == tool);
                Assert.Equal(absent.Reply.Text, foreign.Text.Replace(project.Slug, missing, StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [Trait("Attack", "G13")]
    [InlineData("(a+)+$")]
    [InlineData("(a|aa)+$")]
    [InlineData("(.*a){25}")]
    [InlineData("(?:a?){60}a{60}")]
    [InlineData("((a+)+)+b")]
    [InlineData("(a{1000}){1000}")]
    [InlineData(@"(\w{1,100}\s?){1,90}x")]
    [InlineData("(?=(a+)+$)b")]
    [InlineData(@"(a)\1")]
    [InlineData("((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+")]
    public async Task An_expression_that_runs_away_elsewhere_does_not_here(string pattern)
    {
        var project = await PlantAsync();
        File.WriteAllText(Path.Combine(project.Folder, "a.txt"), new string('a', 100_000) + "!");

        var answer = await server.CallAsync(project.Token, "search_text", new { project = project.Slug, pattern }).WaitAsync(TimeSpan.FromSeconds(30));

        if (!answer.IsError)
        {
            Assert.Equal(JsonValueKind.False, answer.Structured.GetProperty("truncated").ValueKind);
        }
        else
        {
            Assert.StartsWith("The pattern", answer.Failure, StringComparison.Ordinal);
        }
    }

    [Theory]
    [Trait("Attack", "own: RL-06, patterns and globs that are too much")]
    [InlineData("search_text", "pattern", 900_000)]
    [InlineData("search_text", "pattern", 1001)]
    [InlineData("search_text", "glob", 501)]
    [InlineData("search_files", "pattern", 900_000)]
    public async Task A_pattern_that_is_too_long_is_refused_before_it_is_read(string tool, string argument, int length)
    {
        var arguments = new Dictionary<string, object> { ["project"] = "welcome", ["pattern"] = "a", [argument] = new string('(', length) };

        Assert.Matches("must have at most [0-9]+ characters", (await server.CallAsync(await server.Tokens.OfAsync("alice", "files:read"), tool, arguments)).Failure);
    }

    [Theory]
    [Trait("Attack", "own: globs and ignore files that run away elsewhere")]
    [InlineData("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b")]
    [InlineData("{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}*b")]
    [InlineData("**/**/**/**/**/**/**/**/**/a/**/**/**/**/**/**/b")]
    [InlineData("[a-zA-Z]*[a-zA-Z]*[a-zA-Z]*[a-zA-Z]*[a-zA-Z]*[a-zA-Z]*[0-9]")]
    public async Task A_glob_takes_time_in_proportion_to_it(string pattern)
    {
        var project = await PlantAsync();
        var deep = Directory.CreateDirectory(Path.Combine([project.Folder, .. Enumerable.Repeat("a", 40)])).FullName;
        File.WriteAllText(Path.Combine(deep, new string('a', 200)), "mine");
        File.WriteAllText(Path.Combine(project.Folder, ".gitignore"), pattern + "\n");

        var files = await server.CallAsync(project.Token, "search_files", new { project = project.Slug, pattern }).WaitAsync(TimeSpan.FromSeconds(30));
        var text = await server.CallAsync(project.Token, "search_text", new { project = project.Slug, pattern = "^mine", use_ignore_files = true }).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.False(files.IsError || text.IsError, files.Text + text.Text);
        Assert.Equal(3, text.Structured.GetProperty("matches").GetArrayLength());
    }

    [Theory]
    [Trait("Attack", "own: arguments that are at odds")]
    [InlineData("read_text_file", """{"path":"mine.txt","head":1,"tail":1}""")]
    [InlineData("read_text_file", """{"path":"mine.txt","head":0}""")]
    [InlineData("read_text_file", """{"path":"mine.txt","head":-1}""")]
    [InlineData("read_text_file", """{"path":"mine.txt","start_line":5,"end_line":4}""")]
    [InlineData("read_text_file", """{"path":"mine.txt","tail":99999999999}""")]
    [InlineData("read_text_file", """{"path":["mine.txt"]}""")]
    [InlineData("read_multiple_files", """{"paths":"mine.txt"}""")]
    [InlineData("read_multiple_files", """{"paths":[]}""")]
    [InlineData("read_multiple_files", """{"paths":[null]}""")]
    [InlineData("read_multiple_files", """{"paths":[["mine.txt"]]}""")]
    [InlineData("list_directory", """{"sort":"name; DROP TABLE project"}""")]
    [InlineData("list_directory", """{"limit":0}""")]
    [InlineData("list_directory", """{"limit":100000}""")]
    [InlineData("list_directory", """{"cursor":""}""")]
    [InlineData("directory_tree", """{"depth":1000000}""")]
    [InlineData("search_text", """{"pattern":"a","context_lines":100000}""")]
    [InlineData("search_text", """{"pattern":"a","root":"/etc"}""")]
    [InlineData("search_text", """{"pattern":""}""")]
    [InlineData("search_files", """{"pattern":"*","path":"mine.txt"}""")]
    public async Task Arguments_that_are_at_odds_are_refused(string tool, string arguments)
    {
        var project = await PlantAsync();
        var all = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(arguments)!.ToDictionary(pair => pair.Key, pair => (object)pair.Value);

        var answer = await server.CallAsync(project.Token, tool, new Dictionary<string, object>(all) { ["project"] = project.Slug });

        Assert.DoesNotMatch(Telling(), answer.Failure);
    }

    private sealed record Planted(string Token, string Slug, string Folder);

    private async Task<IReadOnlyList<string>> EveryToolRefusesAsync(string path, Planted? planted = null)
    {
        var project = planted ?? await PlantAsync();
        path = path.Replace("{slug}", project.Slug, StringComparison.Ordinal).Replace("{storage}", server.Storage, StringComparison.Ordinal);
        var sentences = new List<string>();
        foreach (var (tool, reply) in await AnswersAsync(path, project).WaitAsync(TimeSpan.FromMinutes(2)))
        {
            var refusal = tool == "read_multiple_files"
                ? JsonDocument.Parse(reply.Result.GetProperty("content")[1].GetProperty("text").GetString()!).RootElement.GetProperty("problem").GetString()!
                : reply.IsError ? reply.Failure : throw new InvalidOperationException($"{tool} took it: {reply.Text}");
            Assert.DoesNotContain(Foreign, reply.Text, StringComparison.Ordinal);
            Assert.DoesNotMatch(Telling(), refusal.Replace($"'{path}'", "", StringComparison.Ordinal));
            sentences.Add(refusal);
        }

        return sentences;
    }

    /// <summary>What every reading tool answers when one of its arguments is this path.</summary>
    private async Task<IReadOnlyList<(string Tool, Answer Reply)>> AnswersAsync(string path, Planted project)
    {
        var answers = new List<(string, Answer)>();
        foreach (var tool in server.Services.GetServices<McpServerTool>().Select(tool => tool.ProtocolTool).Where(tool => tool.Annotations?.ReadOnlyHint == true))
        {
            var properties = tool.InputSchema.GetProperty("properties");
            foreach (var property in properties.EnumerateObject().Where(property => property.Name.EndsWith("path", StringComparison.Ordinal) || property.Name.EndsWith("paths", StringComparison.Ordinal)))
            {
                if (tool.Name.Contains("drive", StringComparison.Ordinal) || !properties.TryGetProperty("project", out _))
                {
                    continue;
                }

                var arguments = new Dictionary<string, object> { ["project"] = project.Slug, [property.Name] = property.Name.EndsWith('s') ? new[] { path } : path };
                if (properties.TryGetProperty("pattern", out _))
                {
                    arguments["pattern"] = tool.Name == "search_text" ? "." : "**";
                }

                answers.Add((tool.Name, await server.CallAsync(project.Token, tool.Name, arguments)));
            }
        }

        Assert.Empty(((string[])["list_directory", "directory_tree", "get_file_info", "read_text_file", "read_media_file", "read_multiple_files", "search_files", "search_text"]).Except(answers.Select(answer => answer.Item1)));
        return answers;
    }

    private Task<Answer> ReadAsync(Planted project, string path) => server.CallAsync(project.Token, "read_text_file", new { project = project.Slug, path });

    private async Task<Planted> PlantAsync()
    {
        var token = await server.Tokens.OfAsync("alice", "projects:read projects:write files:read");
        var slug = (await server.CallAsync(token, "create_project", new { title = "Attacked" })).Structured.GetProperty("slug").GetString()!;
        var folder = Path.Combine(server.Storage, "projects", slug);
        var outside = Directory.CreateDirectory(Path.Combine(server.Storage, $"outside-{slug}")).FullName;
        File.WriteAllText(Path.Combine(outside, "secret.txt"), Foreign);
        Directory.CreateDirectory(Path.Combine(folder, "a"));
        File.WriteAllText(Path.Combine(folder, "mine.txt"), "mine");
        File.WriteAllText(Path.Combine(folder, "a", "mine.txt"), "mine");
        foreach (var (name, target) in ((string, string)[])
        [
            ("to-etc", "/etc"), ("to-outside", outside), ("relative", $"../../outside-{slug}"), ("chain", "to-outside"), ("file-link", Path.Combine(outside, "secret.txt")),
            ("link-to-link", "file-link"), ("dangling", Path.Combine(outside, "new.txt")), ("loop", "loop"), ("inside-link", "a"), ("a/up", ".."), ("proc", "/proc"),
            ("proc-link", "/proc/self"), ("magic", "/proc/self/root"), ("dev-zero", "/dev/zero"),
        ])
        {
            File.CreateSymbolicLink(Path.Combine(folder, name), target);
        }

        using var scratch = new Scratch();
        scratch.MakeFifo("fifo");
        File.Move(scratch.On("fifo"), Path.Combine(folder, "fifo"));
        scratch.HardLink(Path.Combine(outside, "secret.txt"), "hard.txt");
        File.Move(scratch.On("hard.txt"), Path.Combine(folder, "hard.txt"));
        return new Planted(token, slug, folder);
    }

    [GeneratedRegex(@"/srv|/home|/tmp|/work|\\\\|at .+\.cs|Exception|SQLite|projects/")]
    private static partial Regex Telling();

    [GeneratedRegex("\"path\":\"([^\"]*)\"")]
    private static partial Regex PathOf();
}
