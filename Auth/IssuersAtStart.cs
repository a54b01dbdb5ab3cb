namespace McpFilesServer.Auth;

/// <summary>
/// Asks the issuers for their keys as soon as the server is up, so that an operator reads at once what is wrong with one (<see cref="Hints"/>), and not with the first person who wants in. Nobody waits
/// for it, and the server serves without: an issuer may come later. In Development the issuer is a part of this process.
/// </summary>
internal sealed class IssuersAtStart(IServiceProvider services, AuthOptions auth, IHostEnvironment environment, IHostApplicationLifetime lifetime) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!environment.IsDevelopment())
        {
            lifetime.ApplicationStarted.Register(() => _ = Task.WhenAll(Enumerable.Range(0, auth.Issuers.Count).Select(AskAsync)));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task AskAsync(int issuer)
    {
        try
        {
            await services.GetRequiredKeyedService<IssuerKeys>(TokenValidation.Scheme(issuer)).GetConfigurationAsync(lifetime.ApplicationStopping);
        }
        catch (Exception e) when (e is IssuerUnavailableException or OperationCanceledException)
        {
            // Said already; the next one who needs the keys asks again.
        }
    }
}
