using McpFilesServer.Auth;
using McpFilesServer.Tools;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using ModelContextProtocol.Server;

namespace McpFilesServer.Bench;

/// <summary>
/// The product with something exchanged that no setting of it can change, to find out what that costs: without a durable audit, or with more tools. It runs
/// in a process of its own, <c>hosted PORT unaudited|TOOLS</c>, and takes its settings from the environment as the product does.
/// </summary>
internal static class HostedServer
{
    public static async Task<int> RunAsync(string[] args)
    {
        await using var product = new Product(args[2]);
        product.UseKestrel(int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture));
        product.StartServer();
        await Task.Delay(Timeout.Infinite);
        return 0;
    }

    private sealed class Product(string variant) : WebApplicationFactory<McpOptions>
    {
        protected override IHost CreateHost(IHostBuilder builder)
        {
            // Becomes the command line of Program, so that it is there from its first line on.
            builder.ConfigureHostConfiguration(configuration => configuration.AddEnvironmentVariables());
            return base.CreateHost(builder);
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder) => builder.UseContentRoot(AppContext.BaseDirectory).ConfigureTestServices(services =>
        {
            if (variant == "unaudited")
            {
                services.RemoveAll<IAudit>().AddSingleton<IAudit, NoAudit>();
                return;
            }

            for (var i = 0; i < int.Parse(variant, System.Globalization.CultureInfo.InvariantCulture); i++)
            {
                var name = $"extra_{i}";
                services.AddSingleton(_ => McpServerTool.Create(Extra, new()
                {
                    Name = name,
                    Title = name,
                    Description = "One of many tools.",
                    ReadOnly = true,
                    Destructive = false,
                    Idempotent = true,
                    OpenWorld = false,
                }));
            }

            services.Replace(ServiceDescriptor.Singleton(provider => new ApprovedSurface(ApprovedSurface.Describe(
                provider.GetServices<McpServerTool>(), provider.GetServices<McpServerPrompt>(), provider.GetServices<McpServerResource>()))));
        });

        [RequiresScope(Scopes.FilesRead)]
        private static string Extra() => "extra";
    }

    private sealed class NoAudit : IAudit
    {
        public Task<long> RecordAsync(AuditRecord record, CancellationToken cancellationToken) => Task.FromResult(1L);

        public void Follow(AuditRecord record)
        {
        }
    }
}
