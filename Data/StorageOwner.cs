namespace McpFilesServer.Data;

/// <summary>
/// Holds the storage folder for this process while it serves. The end of the process, however it comes, lets go. Commands of the operator do not ask for it: they work beside the server.
/// </summary>
internal sealed class StorageOwner(string directory) : IHostedLifecycleService, IDisposable
{
    private FileStream? _held;

    /// <summary>Before anything else starts: the repair of the trash would undo what another server is just doing.</summary>
    /// <exception cref="SettingsException">Another server has the folder.</exception>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            _held = Database.Hold(Path.Combine(directory, "server.lock"));
            return Task.CompletedTask;
        }
        catch (IOException)
        {
            throw new SettingsException($"Storage:Directory: '{directory}' belongs to a server that is running. Stop that one, or name another folder.");
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _held?.Dispose();
}
