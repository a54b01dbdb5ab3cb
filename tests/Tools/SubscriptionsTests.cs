using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class SubscriptionsTests(Server server)
{
    private const string All = "projects:read projects:write projects:share files:read files:write";

    [Fact]
    public async Task A_change_is_told_once_with_the_address_as_it_was_asked_for_and_the_id_of_the_stream()
    {
        var (token, slug) = await ProjectAsync();
        string[] uris = [$"project://{slug}/%61.txt", $"project://{slug}/b.txt"];
        await using var stream = await Listening.StartAsync(server, token, uris);
        var acknowledged = (await stream.NextAsync())!.Value;
        Assert.Equal("notifications/subscriptions/acknowledged", acknowledged.GetProperty("method").GetString());
        Assert.Equal(uris, acknowledged.GetProperty("params").GetProperty("notifications").GetProperty("resourceSubscriptions").EnumerateArray().Select(uri => uri.GetString()));
        Assert.Equal(7, acknowledged.GetProperty("params").GetProperty("_meta").GetProperty("io.modelcontextprotocol/subscriptionId").GetInt32());

        await File.WriteAllTextAsync(OnDisk(slug, "a.txt"), "changed by another program");

        var updated = (await stream.NextAsync())!.Value;
        Assert.Equal(("notifications/resources/updated", uris[0]), (updated.GetProperty("method").GetString(), updated.GetProperty("params").GetProperty("uri").GetString()));
        Assert.Equal(7, updated.GetProperty("params").GetProperty("_meta").GetProperty("io.modelcontextprotocol/subscriptionId").GetInt32());
        Assert.Null(await stream.NextAsync(2.5));
        Assert.False(stream.Ended);
    }

    [Fact]
    public async Task A_file_that_comes_and_goes_and_a_directory_and_a_project_whose_list_changes_are_told()
    {
        var (token, slug) = await ProjectAsync();
        // Makes the project's trash, too, which is in its top directory and nobody sees.
        await server.CallAsync(token, "write_file", new { project = slug, path = "first.txt", content = "x" });
        Directory.CreateDirectory(OnDisk(slug, "docs"));
        await using var file = await Listening.OpenAsync(server, token, $"project://{slug}/docs/new.txt");
        await using var directory = await Listening.OpenAsync(server, token, $"project://{slug}/docs");
        await using var project = await Listening.OpenAsync(server, token, $"project://{slug}");

        await server.CallAsync(token, "write_file", new { project = slug, path = "docs/new.txt", content = "x" });
        Assert.Equal($"project://{slug}/docs/new.txt", await file.NextChangeAsync());
        Assert.Equal($"project://{slug}/docs", await directory.NextChangeAsync());
        Assert.Null(await project.NextChangeAsync(2.5));

        File.Delete(OnDisk(slug, "docs/new.txt"));
        Assert.Equal($"project://{slug}/docs/new.txt", await file.NextChangeAsync());

        await server.CallAsync(token, "update_project", new { project = slug, title = "Another title" });
        Assert.Equal($"project://{slug}", await project.NextChangeAsync());
    }

    [Fact]
    public async Task Nobody_hears_of_what_he_is_no_member_of_and_who_was_one_hears_no_more()
    {
        var (alice, slug) = await ProjectAsync();
        var bob = await server.Tokens.OfAsync("bob", All);
        Assert.False((await server.ConfirmAsync(alice, "set_member", new { project = slug, user = Tokens.Bob, role = "reader" })).IsError);
        var (foreign, other) = await ProjectAsync();
        await using var stream = await Listening.OpenAsync(server, bob, $"project://{slug}/a.txt", $"project://{other}/a.txt", "project://no-such-project/a.txt");

        await File.WriteAllTextAsync(OnDisk(other, "a.txt"), "of alice alone");
        Assert.Null(await stream.NextChangeAsync(2.5));
        await File.WriteAllTextAsync(OnDisk(slug, "a.txt"), "of both");
        Assert.Equal($"project://{slug}/a.txt", await stream.NextChangeAsync());

        await server.CallAsync(alice, "remove_member", new { project = slug, user = Tokens.Bob });
        // That a look has found him gone is not to be seen; it comes once a second.
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        await File.WriteAllTextAsync(OnDisk(slug, "a.txt"), "of alice alone again");
        Assert.Null(await stream.NextChangeAsync(3));
        Assert.False(stream.Ended);
        Assert.NotNull(foreign);
    }

    [Fact]
    public async Task Foreign_and_missing_resources_are_acknowledged_alike()
    {
        var (_, slug) = await ProjectAsync();
        var missing = slug[..^8] + "zzzzzzzz";
        var bob = await server.Tokens.OfAsync("bob", All);
        await using var foreign = await Listening.StartAsync(server, bob, $"project://{slug}/a.txt");
        await using var absent = await Listening.StartAsync(server, bob, $"project://{missing}/a.txt");

        Assert.Equal(Acknowledged(await absent.NextAsync()), Acknowledged(await foreign.NextAsync()).Replace(slug, missing, StringComparison.Ordinal));

        // Each has a trace of its own, while a test beside this one listens to traces.
        static string Acknowledged(JsonElement? message)
        {
            var said = JsonNode.Parse(message!.Value.GetRawText())!;
            (said["params"]!["_meta"] as JsonObject)?.Remove("traceparent");
            return said.ToJsonString();
        }
    }

    [Theory]
    [InlineData("project://welcome/readme.md", "files:read")]
    [InlineData("project://welcome", "files:read projects:read")]
    public async Task To_hear_of_a_resource_takes_what_it_takes_to_read_it(string uri, string scopes)
    {
        var refused = await server.SendAsync(await server.Tokens.OfAsync("alice", "people:read"), Listening.Message(uri));
        await using var allowed = await Listening.OpenAsync(server, await server.Tokens.OfAsync("alice", scopes), uri);

        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Contains($"error=\"insufficient_scope\", scope=\"{scopes}\"", refused.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nothing_can_come_of_is_acknowledged_and_not_held_open()
    {
        var answer = await server.SendAsync(
            await server.Tokens.OfAsync("alice", "files:read"),
            Message.Of("subscriptions/listen", new JsonObject { ["notifications"] = new JsonObject { ["toolsListChanged"] = true, ["resourcesListChanged"] = true } }));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Contains("notifications/subscriptions/acknowledged", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ListChanged", answer.Text, StringComparison.Ordinal);
        Assert.True(answer.Body.TryGetProperty("result", out _));
    }

    [Fact]
    public async Task Older_clients_have_no_subscriptions()
    {
        var token = await server.Tokens.OfAsync("alice", All);
        var listen = Message.Of("subscriptions/listen", new JsonObject { ["notifications"] = new JsonObject { ["resourceSubscriptions"] = new JsonArray("project://welcome") } }, legacy: true);
        var subscribe = Message.Of("resources/subscribe", new JsonObject { ["uri"] = "project://welcome" }, legacy: true);

        foreach (var message in (Message[])[listen, subscribe])
        {
            var answer = await server.SendAsync(token, message);
            Assert.Equal((HttpStatusCode.OK, -32601), (answer.Status, answer.ErrorCode));
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"notifications":null}""")]
    [InlineData("""{"notifications":[]}""")]
    [InlineData("""{"notifications":{"resourceSubscriptions":"project://welcome"}}""")]
    [InlineData("""{"notifications":{"resourceSubscriptions":null}}""")]
    [InlineData("""{"notifications":{"resourceSubscriptions":["project://welcome",5]}}""")]
    [InlineData("""{"notifications":{"toolsListChanged":"yes"}}""")]
    public async Task What_cannot_be_read_is_a_400(string parameters)
    {
        var answer = await server.SendAsync(await server.Tokens.OfAsync("alice", All), Message.Of("subscriptions/listen", JsonNode.Parse(parameters)!.AsObject()));

        Assert.Equal((HttpStatusCode.BadRequest, -32602), (answer.Status, answer.ErrorCode));
    }

    [Fact]
    public async Task One_stream_takes_fifty_resources_and_no_more()
    {
        var token = await server.Tokens.OfAsync("alice", "files:read");
        var uris = Enumerable.Range(0, 51).Select(i => $"project://welcome/{i}").ToArray();

        await using var fits = await Listening.OpenAsync(server, token, uris[..50]);
        var refused = await server.SendAsync(token, Listening.Message(uris));

        Assert.Equal((HttpStatusCode.BadRequest, -32602), (refused.Status, refused.ErrorCode));
    }

    [Fact]
    public async Task A_stream_ends_with_its_token()
    {
        var token = server.Tokens.Forge(claims => claims["exp"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 4);
        await using var stream = await Listening.OpenAsync(server, token, "project://welcome/readme.md");

        // With the answer to the request, as a stream that the client may open anew; four seconds and five more.
        Assert.True((await stream.NextAsync(9))!.Value.TryGetProperty("result", out _));
        Assert.Null(await stream.NextAsync());
        Assert.True(stream.Ended);
    }

    [Fact]
    public async Task A_stream_does_not_hold_up_the_end_of_the_server()
    {
        var own = await Server.StartAsync();
        await using var stream = await Listening.OpenAsync(own, await own.Tokens.OfAsync("alice", All), "project://welcome/readme.md");
        var stopping = own.Services.GetRequiredService<Microsoft.Extensions.Hosting.IHostApplicationLifetime>();

        stopping.StopApplication();

        // The answer to the request, and then nothing.
        Assert.True((await stream.NextAsync())!.Value.TryGetProperty("result", out _));
        Assert.Null(await stream.NextAsync());
        Assert.True(stream.Ended);
        await own.DisposeAsync();
    }

    [Fact]
    public async Task Places_for_streams_are_counted_for_each_person_and_come_back_when_a_stream_ends()
    {
        await using var own = await Server.StartAsync(null, ("Limits:Streams", "2"));
        var alice = await own.Tokens.OfAsync("alice", All);
        await using var first = await Listening.OpenAsync(own, alice, "project://welcome/readme.md");
        var second = await Listening.OpenAsync(own, await own.Tokens.OfAsync("alice", "files:read"), "project://welcome/readme.md");

        var refused = await own.SendAsync(alice, Listening.Message("project://welcome/readme.md"));
        Assert.Equal((HttpStatusCode.TooManyRequests, 429, "10"), (refused.Status, refused.ErrorCode, refused.Headers["Retry-After"]));
        Assert.Equal("too_many_streams", own.AuditRows()[^1].GetProperty("reason").GetString());
        Assert.False((await own.CallAsync(alice, "list_directory", new { project = "welcome" })).IsError);
        await using var bobs = await Listening.OpenAsync(own, await own.Tokens.OfAsync("bob", All), "project://welcome/readme.md");

        await second.DisposeAsync();
        var streams = own.Services.GetRequiredService<OpenStreams>();
        await using var third = await OpenWhenFreeAsync(own, alice);
        Assert.Equal(2, streams.Holders);
    }

    private static async Task<Listening> OpenWhenFreeAsync(Server server, string token)
    {
        for (var i = 0; ; i++)
        {
            var stream = await Listening.StartAsync(server, token, "project://welcome/readme.md");
            if (stream.Status == HttpStatusCode.OK || i == 100)
            {
                return stream.Status == HttpStatusCode.OK ? stream : throw new InvalidOperationException("The place did not come back.");
            }

            await stream.DisposeAsync();
            await Task.Delay(100);
        }
    }

    private string OnDisk(string slug, string name) => Path.Combine(server.Storage, "projects", slug, name);

    private async Task<(string Token, string Slug)> ProjectAsync()
    {
        var token = await server.Tokens.OfAsync("alice", All);
        var slug = (await server.CallAsync(token, "create_project", new { title = "Watched" })).Structured.GetProperty("slug").GetString()!;
        await File.WriteAllTextAsync(OnDisk(slug, "a.txt"), "first");
        return (token, slug);
    }
}
