using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace McpFilesServer.Dev;

/// <summary>
/// The provider as a map: an application of its own, with its own container and its own endpoint, so that nothing of it leaks into the server.
/// </summary>
internal static class Provider
{
    public static WebApplication Build(DevOptions options, Keys keys, TimeProvider time, ILoggerFactory loggers)
    {
        // The empty builder reads no configuration: neither the server's settings nor ASPNETCORE_URLS can move this endpoint.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development });

        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, options.Url));
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton<ILoggerProvider>(_ => new ForwardedLogs(loggers));

        builder.Services.AddSingleton(options).AddSingleton(keys).AddSingleton(time);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddCors();
        builder.Services.AddProviderDatabase(options);
        builder.Services.AddProviderProtocol(options, keys, time);
        builder.Services.AddSingleton<AccessTokens>().AddSingleton<TokenTurnstile>().AddSingleton<BackChannelLogout>();
        builder.Services.AddSingleton<Resolve>(Dns.GetHostAddressesAsync).AddSingleton<DocumentFetch>().AddSingleton<ClientDocuments>();
        builder.Services.AddSingleton<Drives>().AddSingleton<Transfers>();
        builder.Services.AddScoped<Grants>().AddScoped<Sessions>();
        builder.Services.AddSingleton<Upkeep>().AddHostedService(services => services.GetRequiredService<Upkeep>());

        // Keys of cookies and forms, beside the provider's own: by default they would be written to the home folder.
        builder.Services.AddDataProtection().SetApplicationName("dev-provider").PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(options.Directory, "keys")));
        builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(Sessions.Configure);
        builder.Services.AddAntiforgery(forgery => SignIn.Harden(forgery.Cookie, "forgery"));
        builder.Services.AddAuthorization();
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(Limits.OfRequest);
            limiter.OnRejected = Limits.RefuseAsync;
        });

        var app = builder.Build();

        app.Use(Door.Open(options.Url));
        app.UseRateLimiter();
        // Clients that run in a browser must reach discovery, keys, registration and tokens from wherever they are served. No cookie is for these paths.
        app.UseWhen(context => Door.IsForBrowserClients(context.Request.Path), branch => branch.UseCors(cors => cors.AllowAnyOrigin().AllowAnyHeader().WithMethods("GET", "POST")));
        app.UseMiddleware<TokenTurnstile>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();

        app.MapSignIn();
        app.MapConsent();
        app.MapAccount();
        app.MapRegistration();
        app.MapGraph(options);
        app.MapTransfers();

        return app;
    }

    /// <summary>Loopback only, never all interfaces.</summary>
    private static void Listen(KestrelServerOptions kestrel, Uri url)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = 64 * 1024;

        if (url.IdnHost == "localhost")
        {
            kestrel.ListenLocalhost(url.Port);
        }
        else
        {
            kestrel.Listen(IPAddress.Parse(url.IdnHost), url.Port);
        }
    }

    /// <summary>Warnings and errors of the provider appear in the server's log.</summary>
    private sealed class ForwardedLogs(ILoggerFactory loggers) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => loggers.CreateLogger(categoryName);

        public void Dispose()
        {
        }
    }

    /// <summary>The server decides when to stop. The default would listen to Ctrl+C a second time.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
