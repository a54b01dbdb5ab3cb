using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace McpFilesServer.Dev;

/// <summary>Runs the provider beside the server: it listens before the server does, and stops after it.</summary>
internal sealed class ProviderHost(DevOptions options, Keys keys, TimeProvider time, ILoggerFactory loggers) : IHostedLifecycleService, IAsyncDisposable
{
    private WebApplication? _provider;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        _provider = Provider.Build(options, keys, time, loggers);

        try
        {
            await Database.PrepareAsync(_provider.Services, options, keys, cancellationToken);
            await _provider.Services.GetRequiredService<Upkeep>().RunAsync(cancellationToken);
            await _provider.StartAsync(cancellationToken);
        }
        catch (IOException exception) when (exception.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw new InvalidOperationException(
                $"Dev:Url is {options.Url}, and something else listens there already: stop it, or set Dev:Url to another port of this machine.", exception);
        }

        loggers.CreateLogger<ProviderHost>().LogInformation("Development identity provider at {Issuer}, users alice and bob", options.Issuer);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => _provider?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Reached without <see cref="StoppedAsync"/> when the server fails to start.</summary>
    public ValueTask DisposeAsync() => _provider?.DisposeAsync() ?? ValueTask.CompletedTask;
}
