using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>Stands where the server would, and takes down what the provider tells it.</summary>
internal sealed class LogoutListener : IAsyncDisposable
{
    private readonly ConcurrentQueue<Received> _received = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private WebApplication? _app;

    /// <summary>Its resource, for the provider's settings.</summary>
    public string Resource { get; } = $"http://localhost:{DevServer.FreePort()}/mcp";

    /// <summary>What it answers with, each time.</summary>
    public Func<HttpStatusCode> Answers { get; set; } = () => HttpStatusCode.OK;

    public IReadOnlyList<Received> All => [.. _received];

    public static async Task<LogoutListener> StartAsync()
    {
        var listener = new LogoutListener();
        await listener.ListenAsync();

        return listener;
    }

    public async Task ListenAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(new Uri(Resource).Port));
        _app = builder.Build();
        _app.MapPost("/backchannel-logout", TakeAsync);
        await _app.StartAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits for a logout token of this session.</summary>
    public async Task<JsonWebToken> TokenOfAsync(string sid)
    {
        await UntilAsync(() => Sessions().Contains(sid));

        return _received.First(received => received.Token.GetPayloadValue<string>("sid") == sid).Token;
    }

    /// <summary>Waits until it was told something this often.</summary>
    public Task CountAsync(int count) => UntilAsync(() => _received.Count >= count);

    /// <summary>The sessions whose end it was told of.</summary>
    public IEnumerable<string> Sessions() => _received.Select(received => received.Token.GetPayloadValue<string>("sid"));

    private async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        while (!holds())
        {
            await _arrived.WaitAsync(limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _arrived.Dispose();
    }

    private async Task<IResult> TakeAsync(HttpRequest request)
    {
        var form = await request.ReadFormAsync();
        var answer = Answers();
        _received.Enqueue(new Received(new JsonWebToken(form["logout_token"]), request.ContentType, [.. form.Keys], answer));
        _arrived.Release();

        return Results.StatusCode((int)answer);
    }

    internal sealed record Received(JsonWebToken Token, string? ContentType, IReadOnlyList<string> Fields, HttpStatusCode Answer);
}
