using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpFilesServer.Tests.Host;

/// <summary>What an operator reads in the log of one category.</summary>
internal sealed class LogLines(string category) : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly ConcurrentQueue<Exception> _faults = new();

    public IReadOnlyCollection<string> Lines => _lines;

    /// <summary>The exceptions that were logged with them.</summary>
    public IReadOnlyCollection<Exception> Faults => _faults;

    /// <summary>For <see cref="Server.StartAsync"/>.</summary>
    public void AddTo(IServiceCollection services) => services.AddSingleton<ILoggerProvider>(this);

    public ILogger CreateLogger(string categoryName) => categoryName == category ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue($"{logLevel}: {formatter(state, exception)}");
        if (exception is not null)
        {
            _faults.Enqueue(exception);
        }
    }

    public void Dispose()
    {
    }
}
