using System.Net;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block F through the addresses of resources, and everything that could tell a stranger what is in a project.</summary>
public sealed class ResourceAttacks(Target target)
{
    private const string All = "projects:read projects:write files:read files:write";

    public static TheoryData<string> Addresses =>
    [
        // Out of the project.
        "project://welcome/../secret", "project://welcome/..", "project://welcome/.", "project://welcome/a/../readme.md", "project://welcome/./readme.md",
        "project://welcome/....//readme.md", "project://welcome/..%2fsecret", "project://welcome/%2e%2e/secret", "project://welcome/%2E%2E%2Fsecret",
        "project://welcome/.%2e/secret", "project://welcome/%252e%252e/secret", "project://welcome/%252e%252e%252fsecret", "project://welcome/..%c0%af",
        "project://welcome/%c0%ae%c0%ae/secret", "project://welcome/..%255c", "project://welcome/..%5csecret", "project://welcome/..\\secret",
        "project://welcome/\uff0e\uff0e\uff0fsecret", "project://welcome/%ef%bc%8e%ef%bc%8e%ef%bc%8fsecret", "project://welcome/%u002e%u002e/secret",
        "project://welcome//etc/passwd", "project://welcome/%2fetc%2fpasswd", "project://welcome//readme.md", "project://welcome/readme.md//",
        "project://welcome/C:/Windows/win.ini", "project://welcome/C%3A%5CWindows", "project://welcome/~/.ssh/id_rsa", "project://welcome/$HOME/x", "project://welcome/%25USERPROFILE%25",
        "project://welcome/proc/self/environ", "project://welcome/CON", "project://welcome/nul.txt", "project://welcome/readme.md::$DATA", "project://welcome/readme.md%3Aads",
        "project://welcome/readme.md.", "project://welcome/readme.md%20", "project://welcome/readme.md%00", "project://welcome/readme.md%00.png", "project://welcome/%E2%80%AEdm.emdaer",
        "project://welcome/readme.md%e2%80%8b", "project://welcome/.mcp-trash", "project://welcome/%ff", "project://welcome/%ed%a0%80", "project://welcome/%", "project://welcome/%zz", "project://welcome/%2",
        "project://welcome/README.MD", "project://welcome/shopping-list", "project://welcome/no such file", "project://welcome/no-such-file",
        // Another reading of the address.
        "PROJECT://welcome/readme.md", "Project://welcome", "project://WELCOME/readme.md", "project://welcome/readme.md?x=1", "project://welcome?x=1", "project://welcome/readme.md#top", "project://welcome#",
        "project://user@welcome/readme.md", "project://welcome:80/readme.md", "project://welcome:/readme.md", "project://%77elcome/readme.md", "project://welcome%2freadme.md", "project://welcome./readme.md",
        "project:///welcome/readme.md", "project:welcome/readme.md", "project:/welcome", "project://", "project:///", "project://[::1]/x", "project://welcome\\readme.md", " project://welcome",
        "project://welcome ", "project://welcome\n", "project://welcome/readme.md\r\n", "project://w\u0435lcome/readme.md", "project://{project}", "project://welcome/{+path}", "view-source:project://welcome",
        "file:///etc/passwd", "file://welcome/readme.md", "http://169.254.169.254/latest/meta-data", "https://localhost/mcp", "mcpfile://alice/%252e%252e/x", "data:text/plain,x", "", "/", "readme.md",
    ];

    [Theory]
    [Trait("Attack", "F01")]
    [Trait("Attack", "F02")]
    [Trait("Attack", "F04")]
    [Trait("Attack", "F10")]
    [MemberData(nameof(Addresses))]
    public async Task Whatever_is_not_the_address_of_something_one_may_see_is_nothing_and_all_nothings_are_alike(string address)
    {
        var token = $"Bearer {target.TokenWith(All)}";
        foreach (var legacy in (bool[])[false, true])
        {
            var absent = await target.SendAsync(Read("project://no-such-project-zzzzzzzz/a.txt", legacy), token);
            // A header cannot carry every one of them; 2026-07-28 encodes what it cannot.
            var reply = await target.SendAsync(Read(address, legacy), token);

            Assert.Equal((absent.Status, absent.Text), (reply.Status, reply.Text));
            Assert.Equal(Steady(absent.Headers), Steady(reply.Headers));
            Assert.Equal(-32602, reply.ErrorCode);
            Target.Silent(reply);
        }
    }

    [Theory]
    [Trait("Attack", "F20")]
    [InlineData("a.txt")]
    [InlineData("docs/b.txt")]
    [InlineData("docs")]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("no-such-file")]
    public async Task A_foreign_resource_is_a_missing_one_to_the_byte(string? path)
    {
        var slug = await ProjectOfAliceAsync();
        var bob = $"Bearer {target.Tokens.Forge(claims => (claims["sub"], claims["scope"]) = (Tokens.Bob, All))}";
        var missing = slug[..^8] + "zzzzzzzz";
        string Of(string project) => path is null ? $"project://{project}" : $"project://{project}/{path}";

        foreach (var legacy in (bool[])[false, true])
        {
            var foreign = await target.SendAsync(Read(Of(slug), legacy), bob);
            var absent = await target.SendAsync(Read(Of(missing), legacy), bob);

            Assert.Equal((HttpStatusCode.OK, -32602), (foreign.Status, foreign.ErrorCode));
            Assert.Equal((absent.Status, absent.Text, Steady(absent.Headers)), (foreign.Status, foreign.Text, Steady(foreign.Headers)));
            Assert.DoesNotContain(slug, foreign.Text, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(slug, (await target.SendAsync(Message.Of("resources/list", []), bob)).Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Attack", "F06")]
    [Trait("Attack", "F11")]
    public async Task Links_and_devices_in_a_project_are_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege on Windows.");
        var slug = await ProjectOfAliceAsync();
        var folder = Path.Combine(target.Server.Storage, "projects", slug);
        File.CreateSymbolicLink(Path.Combine(folder, "passwd"), "/etc/passwd");
        Directory.CreateSymbolicLink(Path.Combine(folder, "etc"), "/etc");
        Directory.CreateSymbolicLink(Path.Combine(folder, "welcome"), Path.Combine(target.Server.Storage, "projects", "welcome"));
        var token = $"Bearer {target.TokenWith(All)}";
        var absent = await target.SendAsync(Read($"project://{slug}/no-such-file", false), token);

        foreach (var path in (string[])["passwd", "etc", "etc/passwd", "welcome", "welcome/readme.md"])
        {
            Assert.Equal(absent.Text, (await target.SendAsync(Read($"project://{slug}/{path}", false), token)).Text);
        }

        Assert.DoesNotContain("passwd", (await target.SendAsync(Read($"project://{slug}", false), token)).Text, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Attack", "own: addresses in subscriptions")]
    [InlineData("project://welcome/../secret")]
    [InlineData("project://welcome/%2e%2e/secret")]
    [InlineData("PROJECT://welcome/readme.md")]
    [InlineData("project://welcome/readme.md?x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("")]
    public async Task A_stream_is_not_opened_on_what_is_no_address_alone_or_among_others(string address)
    {
        foreach (var uris in (string[][])[[address], ["project://welcome/readme.md", address]])
        {
            await target.RefusesAsync(Expected.UnknownTarget, Listening.Message(uris), target.TokenWith(All));
        }
    }

    [Fact]
    [Trait("Attack", "own: a stream on what takes more than it asked for")]
    public async Task The_scopes_of_every_resource_of_a_stream_are_asked_for()
    {
        await target.RefusesAsync(Expected.ScopeMissing("files:read files:write"), Listening.Message("project://welcome/readme.md", "probe://secret/fixed"), target.TokenWith("files:read"));
        await target.RefusesAsync(Expected.ScopeMissing("files:read projects:read"), Listening.Message("project://welcome/readme.md", "project://welcome"), target.TokenWith("files:read"));
    }

    [Theory]
    [Trait("Attack", "own: two readings of what is listened to")]
    [InlineData("""{"notifications":{"resourceSubscriptions":["project://welcome"],"resourceSubscriptions":["project://other"]}}""", 400)]
    [InlineData("""{"notifications":{"resourceSubscriptions":["project://welcome"],"ResourceSubscriptions":["project://other"]}}""", 400)]
    [InlineData("""{"notifications":{},"Notifications":{"resourceSubscriptions":["project://welcome"]}}""", 400)]
    public async Task What_is_listened_to_can_be_read_in_one_way_only(string parameters, int status)
    {
        var message = Listening.Message("project://welcome");
        var reply = await target.SendAsync(
            message.With($$"""{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{{parameters}} }"""), $"Bearer {target.TokenWith(All)}");

        Assert.Equal(status, (int)reply.Status);
        target.NothingRan(reply);
    }

    [Fact]
    [Trait("Attack", "H03")]
    public async Task A_hundred_streams_that_open_and_end_leave_nothing_behind()
    {
        await using var own = await Server.StartAsync(null, ("Limits:Streams", "3"));
        var token = await own.Tokens.OfAsync("alice", "files:read");
        var streams = own.Services.GetRequiredService<OpenStreams>();

        for (var i = 0; i < 100; i++)
        {
            var stream = await Listening.StartAsync(own, token, "project://welcome/readme.md");
            if (i % 2 == 0 && stream.Status == HttpStatusCode.OK)
            {
                await stream.NextAsync();
            }

            await stream.DisposeAsync();
        }

        for (var waited = 0; streams.Holders > 0 && waited < 100; waited++)
        {
            await Task.Delay(100);
        }

        Assert.Equal(0, streams.Holders);
        await using var again = await Listening.OpenAsync(own, token, "project://welcome/readme.md");
    }

    [Fact]
    [Trait("Attack", "H03")]
    public async Task Many_streams_at_once_get_as_many_places_as_there_are()
    {
        await using var own = await Server.StartAsync(null, ("Limits:Streams", "5"));
        var tokens = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => own.Tokens.OfAsync("alice", "files:read")));

        var streams = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Listening.StartAsync(own, tokens[i % 4], "project://welcome/readme.md")));

        Assert.Equal((5, 35), (streams.Count(stream => stream.Status == HttpStatusCode.OK), streams.Count(stream => stream.Status == HttpStatusCode.TooManyRequests)));
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }
    }

    [Fact]
    [Trait("Attack", "F20")]
    public async Task Through_prompts_and_completions_a_foreign_project_is_a_missing_one()
    {
        await using var own = await Server.StartAsync();
        var alice = await own.Tokens.OfAsync("alice", All);
        var slug = (await own.CallAsync(alice, "create_project", new { title = "Hidden" })).Structured.GetProperty("slug").GetString()!;
        await own.CallAsync(alice, "write_file", new { project = slug, path = "a.txt", content = "x" });
        var bob = await own.Tokens.OfAsync("bob", All);

        foreach (var typed in (string[])["", "h", "hidden", slug, slug[..^1]])
        {
            var answer = await own.SendAsync(bob, Message.Of("completion/complete", new JsonObject
            {
                ["ref"] = new JsonObject { ["type"] = "ref/resource", ["uri"] = ProjectUri.OfFile },
                ["argument"] = new JsonObject { ["name"] = "project", ["value"] = typed },
            }));
            Assert.DoesNotContain("hidden", answer.Text, StringComparison.Ordinal);
        }
    }

    /// <summary>The headers but for the clock.</summary>
    private static string Steady(string headers) =>
        string.Join('\n', headers.Split('\n').Where(line => !line.StartsWith("Date:", StringComparison.Ordinal)));

    private static Message Read(string uri, bool legacy)
    {
        var message = Message.Of("resources/read", new JsonObject { ["uri"] = uri }, null, legacy);
        return legacy ? message : message.WithHeader("Mcp-Name", $"=?base64?{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(uri))}?=");
    }

    private async Task<string> ProjectOfAliceAsync()
    {
        var token = target.TokenWith(All);
        var slug = (await target.Server.CallAsync(token, "create_project", new { title = "Of alice" })).Structured.GetProperty("slug").GetString()!;
        var folder = Path.Combine(target.Server.Storage, "projects", slug);
        Directory.CreateDirectory(Path.Combine(folder, "docs"));
        await File.WriteAllTextAsync(Path.Combine(folder, "a.txt"), "secret");
        await File.WriteAllTextAsync(Path.Combine(folder, "docs", "b.txt"), "secret");
        return slug;
    }
}
