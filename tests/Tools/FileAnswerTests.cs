using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class FileAnswerTests(Server server)
{
    private const string Scopes = "projects:read projects:write files:read files:write";

    private const int Room = 4 * 1024 * 1024;

    public static TheoryData<string> Texts => new()
    {
        "", "a", "\"quoted\" \\back\\ /slash/ <b>&'+` \t\r\n", "\u007F\u0001\u001B[31m\b\f", "é ü ß § \u00A0\u0085", "\u2028\u2029\uFEFF\uFFFD\uFE0F", "日本語\nа б в", "😀👩‍👩‍👧 \U000E0041\U000E0101 end",
        "a😀", "😀a", "é", "ends with é\n", new string('"', 5000), "😀", "\0 1", "\\u0022", string.Concat(Enumerable.Range(0x20, 0x3000).Where(code => code != 0xFFFE).Select(code => (char)code)),
        string.Concat(Enumerable.Repeat("let x = \"é\"; // 😀 <T>\r\n", 30_000)), new string('x', 1024 * 1024), new string('<', 1024 * 1024), new string('é', 512 * 1024),
    };

    [Theory]
    [MemberData(nameof(Texts), DisableDiscoveryEnumeration = true)]
    public async Task An_answer_has_the_bytes_that_the_SDK_would_have_written(string text)
    {
        var (token, project, folder) = await ProjectAsync(server);
        await File.WriteAllTextAsync(Path.Combine(folder, "a.txt"), text.Replace("\0", "", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(folder, "b.txt"), text.Length > 1000 ? "b" : text.Replace("\0", "", StringComparison.Ordinal), Encoding.Unicode);

        string[] paths = ["a.txt", "no.txt", "b.txt"];
        foreach (var (tool, arguments) in ((string, object)[])[("read_text_file", new { project, path = "a.txt" }), ("read_multiple_files", new { project, paths })])
        {
            foreach (var legacy in (bool[])[true, false])
            {
                var answer = await server.CallAsync(token, tool, arguments, legacy);
                var written = answer.Text.Split('\n').Single(line => line.StartsWith("data: ", StringComparison.Ordinal))[6..];
                Assert.False(answer.IsError);
                Assert.Equal(AsTheSdkWrites(written), written);
            }
        }
    }

    [Fact]
    public async Task A_text_that_looks_like_the_sign_for_another_is_only_itself()
    {
        var (token, project, folder) = await ProjectAsync(server);
        await File.WriteAllTextAsync(Path.Combine(folder, "a.txt"), "\\u00001");
        await File.WriteAllTextAsync(Path.Combine(folder, "b.txt"), "secret");
        string[] paths = ["a.txt", "b.txt", "a.txt"];

        var content = (await server.CallAsync(token, "read_multiple_files", new { project, paths })).Result.GetProperty("content");

        Assert.Equal(("\\u00001", "secret", "\\u00001"), (Text(content[0]), Text(content[2]), Text(content[4])));
    }

    [Fact]
    public async Task Reads_have_room_for_so_many_bytes_and_one_that_was_given_up_leaves_its_own_to_others()
    {
        await using var small = await Server.StartAsync(null, ("Files:MaxTextBytes", $"{Room}"), ("Files:MaxBytesInFlight", $"{Room}"), ("Limits:CallTimeout", "00:00:02"));
        var (token, project, folder) = await ProjectAsync(small);
        // Six bytes for each on the wire: more than the buffers of both sockets hold.
        await File.WriteAllTextAsync(Path.Combine(folder, "large.txt"), new string('"', Room));
        await File.WriteAllTextAsync(Path.Combine(folder, "small.txt"), "small");
        var read = Message.Call("read_text_file", new { project, path = "large.txt" }, false);

        using (var slow = new HttpClient(new SocketsHttpHandler { ConnectCallback = NarrowAsync }))
        {
            using var request = read.ToRequest(new Uri(small.Resource), token);
            using var unread = await slow.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);

            string[] tools = ["read_text_file", "read_media_file"];
            foreach (var refused in await Task.WhenAll(tools.Select(tool => small.CallAsync(token, tool, new { project, path = "small.txt" }))))
            {
                Assert.Contains("busy with other large reads", refused.Failure, StringComparison.Ordinal);
            }
        }

        // As soon as the server has noticed that nobody is there any more.
        var answer = await small.CallAsync(token, "read_text_file", new { project, path = "small.txt" });
        for (var again = 0; again < 10 && answer.IsError; again++)
        {
            answer = await small.CallAsync(token, "read_text_file", new { project, path = "small.txt" });
        }

        Assert.Equal("small", answer.Content);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(Room, (await small.CallAsync(token, "read_text_file", new { project, path = "large.txt" })).Content.Length);
            Assert.Contains("is not a text file", (await NotTextAsync(small, token, project, folder)).Failure, StringComparison.Ordinal);
        }
    }

    private static async Task<Answer> NotTextAsync(Server server, string token, string project, string folder)
    {
        await File.WriteAllBytesAsync(Path.Combine(folder, "broken.txt"), new byte[Room]);
        return await server.CallAsync(token, "read_text_file", new { project, path = "broken.txt" });
    }

    /// <summary>The same message through the SDK's own types: the result, the tree of it, and the message with the tree.</summary>
    private static string AsTheSdkWrites(string written)
    {
        var response = (JsonRpcResponse)JsonSerializer.Deserialize<JsonRpcMessage>(written, McpJsonUtilities.DefaultOptions)!;
        var result = response.Result.Deserialize<CallToolResult>(McpJsonUtilities.DefaultOptions)!;
        var tree = JsonSerializer.SerializeToNode(result, McpJsonUtilities.DefaultOptions);
        return JsonSerializer.Serialize<JsonRpcMessage>(new JsonRpcResponse { Id = response.Id, Result = tree }, McpJsonUtilities.DefaultOptions);
    }

    private static async ValueTask<Stream> NarrowAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static string Text(JsonElement block) => block.GetProperty("text").GetString()!;

    private static async Task<(string Token, string Project, string Folder)> ProjectAsync(Server server)
    {
        var token = await server.Tokens.OfAsync("alice", Scopes);
        var project = (await server.CallAsync(token, "create_project", new { title = "Answers" })).Structured.GetProperty("slug").GetString()!;
        return (token, project, Path.Combine(server.Storage, "projects", project));
    }
}
