using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace McpFilesServer.Auth;

/// <summary>
/// Ready means: there are keys to check somebody's tokens with. When one of several issuers is away, its people are refused and all others served, so that the server is ready
/// as long as there is one.
/// </summary>
internal sealed class IssuersHealth(IServiceProvider services, AuthOptions auth) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        for (var i = 0; i < auth.Issuers.Count; i++)
        {
            try
            {
                await services.GetRequiredKeyedService<IssuerKeys>(TokenValidation.Scheme(i)).GetConfigurationAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (IssuerUnavailableException)
            {
                // The next one.
            }
        }

        return HealthCheckResult.Unhealthy("No issuer has given its keys.");
    }
}
