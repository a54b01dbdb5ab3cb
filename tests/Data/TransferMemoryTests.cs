using System.Net.Http.Headers;
using System.Text.Json;
using McpFilesServer.Tests.Host;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace McpFilesServer.Tests.Data;

/// <summary>Runs while no other test does, because what it measures is the process'.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Contents of drives go from socket to disk and from disk to socket. All that is allocated on the way, on both ends, is a small part of them.</summary>
[Collection(nameof(Alone))]
public sealed class TransferMemoryTests
{
    private const string All = "projects:read projects:write files:read files:write drive:read drive:write";
    private const int Size = 100 * 1024 * 1024;
    private const long Much = Size / 4;

    [Fact]
    public async Task A_hundred_megabytes_go_in_and_out_without_being_held()
    {
        await using var graph = await GraphStub.StartAsync();
        var storage = new UriBuilder(graph.Url) { Host = "localhost" }.Uri;
        var size = 1024 * 1024;
        graph.Answer = context => context.Request switch
        {
            { Method: "POST" } => context.Response.WriteAsJsonAsync(new { uploadUrl = $"{storage}up" }),
            { Method: "PUT" } => TakeAsync(context),
            { Host.Host: "localhost" } => GiveAsync(context, size),
            { Path.Value: var path } when path!.EndsWith(":/content", StringComparison.Ordinal) => Task.Run(() => context.Response.Redirect($"{storage}x")),
            _ => context.Response.WriteAsJsonAsync(new { name = "a.bin", size, file = new { } }),
        };
        await using var server = await Server.StartAsync(settings: graph.Settings("localhost"));
        var (token, mine) = (await server.Tokens.OfAsync("alice", All), await Mine.OfAsync(server));
        await ImportAsync("warm-up.bin");
        await ExportAsync("warm-up.bin");
        size = Size;

        var imported = await AllocatedAsync(() => ImportAsync("a.bin"));
        var exported = await AllocatedAsync(() => ExportAsync("a.bin"));

        Assert.Equal(Size, new FileInfo(mine.On("a.bin")).Length);
        Assert.InRange(imported, 0, Much);
        Assert.InRange(exported, 0, Much);

        async Task ImportAsync(string path)
        {
            var answer = await server.CallAsync(token, "import_from_drive", new { project = mine.Slug, drive_path = "a.bin", path });
            Assert.False(answer.IsError, answer.Text);
        }

        async Task ExportAsync(string path)
        {
            var answer = await server.ConfirmAsync(token, "export_to_drive", new { project = mine.Slug, path, drive_path = path });
            Assert.False(answer.IsError, answer.Text);
        }
    }

    private static async Task<long> AllocatedAsync(Func<Task> work)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await work();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static async Task GiveAsync(HttpContext context, int size)
    {
        context.Response.ContentLength = size;
        var block = new byte[64 * 1024];
        for (var sent = 0; sent < size; sent += block.Length)
        {
            await context.Response.Body.WriteAsync(block);
        }
    }

    private static async Task TakeAsync(HttpContext context)
    {
        var buffer = new byte[64 * 1024];
        while (await context.Request.Body.ReadAsync(buffer) > 0)
        {
            // Nobody keeps it.
        }

        var range = ContentRangeHeaderValue.TryParse(context.Request.Headers.ContentRange, out var given) ? given : new ContentRangeHeaderValue(0, 0, 1);
        var (last, all) = (range.To!.Value, range.Length!.Value);
        context.Response.StatusCode = last + 1 == all ? 201 : 202;
        await context.Response.WriteAsync(JsonSerializer.Serialize<object>(last + 1 == all ? new { name = "a.bin", size = all, file = new { } } : new { nextExpectedRanges = (string[])[$"{last + 1}-"] }));
    }
}
