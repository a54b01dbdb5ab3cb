using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>A server that does not listen must not keep anybody from disconnecting, and must learn of it when it does listen.</summary>
public sealed class LogoutDeliveryTests
{
    [Fact]
    public async Task When_the_server_is_away_the_page_works_says_so_and_the_server_is_told_when_it_is_back()
    {
        await using var listener = new LogoutListener();
        await using var server = await DevServer.StartAsync(settings: ("Mcp:Resource", listener.Resource));
        var log = new Warned();
        server.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        using var browser = new Browser(server);
        var connection = await Connection.MakeAsync(server, browser);

        var page = await browser.DisconnectAsync(connection.Client);
        Assert.EndsWith("done=disconnected-late", page, StringComparison.Ordinal);
        Assert.Contains("has not confirmed it and will be told again", await browser.Http.GetStringAsync(page, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains(log.Warnings, warning => warning.Contains(connection.Sid, StringComparison.Ordinal) && warning.Contains("/backchannel-logout", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Warnings, warning => warning.Contains("eyJ", StringComparison.Ordinal));
        await connection.AssertEndedAsync();

        await listener.ListenAsync();
        Assert.Equal(DevServer.Alice, (await listener.TokenOfAsync(connection.Sid)).Subject);
    }

    [Theory]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    public async Task A_server_that_cannot_take_it_now_is_asked_again_with_another_token(HttpStatusCode status)
    {
        await using var listener = await LogoutListener.StartAsync();
        await using var server = await DevServer.StartAsync(settings: ("Mcp:Resource", listener.Resource));
        using var browser = new Browser(server);
        var connection = await Connection.MakeAsync(server, browser);
        var answers = new Queue<HttpStatusCode>([status, status, HttpStatusCode.NoContent]);
        listener.Answers = answers.Dequeue;

        Assert.EndsWith("done=disconnected-late", await browser.DisconnectAsync(connection.Client), StringComparison.Ordinal);
        await listener.CountAsync(3);

        Assert.All(listener.All, received => Assert.Equal(connection.Sid, received.Token.GetPayloadValue<string>("sid")));
        Assert.Equal(3, listener.All.Select(received => received.Token.Id).Distinct().Count());
    }

    [Fact]
    public async Task A_provider_that_stops_meanwhile_stops_at_once()
    {
        await using var listener = new LogoutListener();
        var server = await DevServer.StartAsync(settings: ("Mcp:Resource", listener.Resource));
        using var browser = new Browser(server);
        var connection = await Connection.MakeAsync(server, browser);
        await browser.DisconnectAsync(connection.Client);

        await server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    private sealed class Warned : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Warnings { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Warnings.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
