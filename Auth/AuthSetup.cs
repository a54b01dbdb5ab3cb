using McpFilesServer.Data;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Identity.Web;

namespace McpFilesServer.Auth;

/// <summary>Who is calling and what they may: token validation, the gateway, and the On-Behalf-Of exchange.</summary>
internal static class AuthSetup
{
    private const string Policy = "Gateway";

    public static void AddAuth(this WebApplicationBuilder builder)
    {
        var auth = builder.AddSettings<AuthOptions>();
        var mcp = builder.AddSettings<McpOptions>();
        builder.AddSettings<LimitsOptions>();
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddHttpContextAccessor();
        services.AddSingleton<Surface>().AddSingleton<Exchange>().AddSingleton<GatewayAnswers>().AddSingleton<FailedAuthentications>();
        services.AddCors(options => Door.Cors(options, mcp));
        services.AddSingleton<IAuthorizationHandler, Gateway>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler>(provider => provider.GetRequiredService<GatewayAnswers>());
        services.AddScoped(Decision.Current)
            .AddScoped(provider => Decision.Current(provider).Caller)
            .AddScoped<IDownstreamToken>(Decision.Current);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // The real limit is Mcp:MaxRequestBytes. Beyond it nothing is kept, but up to here Kestrel reads on, so that a client that is
            // still sending gets to read the refusal.
            kestrel.Limits.MaxRequestBodySize = Math.Max(32 * 1024 * 1024, mcp.MaxRequestBytes);
        });

        var schemes = services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddPolicyScheme(JwtBearerDefaults.AuthenticationScheme, null, scheme => scheme.ForwardDefaultSelector = TokenValidation.SchemeOf(auth));
        for (var i = 0; i < auth.Issuers.Count; i++)
        {
            var (issuer, scheme) = (auth.Issuers[i], TokenValidation.Scheme(i));
            services.AddKeyedSingleton(scheme, (provider, _) => new IssuerKeys(
                issuer,
                new KeyDocuments(provider.GetRequiredService<IHttpClientFactory>().CreateClient(KeyDocuments.Client), builder.Environment.IsDevelopment()),
                provider.GetRequiredService<TimeProvider>()));
            schemes.AddJwtBearer(scheme, _ => { });
            services.AddOptions<JwtBearerOptions>(scheme).Configure<IServiceProvider>((options, provider) => TokenValidation.Configure(
                options, issuer, issuer.Audience ?? mcp.Resource, auth.ClockSkew,
                provider.GetRequiredKeyedService<IssuerKeys>(scheme), provider.GetRequiredService<TimeProvider>()));
        }

        KeyDocuments.Configure(services);

        // Outbound only: Microsoft.Identity.Web's own inbound validation is never asked.
        schemes.AddMicrosoftIdentityWebApi(builder.Configuration.GetSection(Exchange.Scheme), jwtBearerScheme: Exchange.Scheme)
            .EnableTokenAcquisitionToCallDownstreamApi()
            .AddInMemoryTokenCaches();
        services.Configure<TokenAcquisitionExtensionOptions>(Exchange.AskForNothingElse);

        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy
            .AddAuthenticationSchemes(JwtBearerDefaults.AuthenticationScheme)
            .AddRequirements(new GatewayRequirement()));
    }

    /// <summary>Before anything else: uniform errors, then the door.</summary>
    public static void UseDoor(this WebApplication app)
    {
        app.UseExceptionHandler(errors => errors.Run(context =>
            context.RequestServices.GetRequiredService<GatewayAnswers>().WriteAsync(context, Refusal.Undecided with { Message = "The server could not do this.", Reason = "error" })));
        if (!app.Environment.IsDevelopment())
        {
            app.UseHsts();
        }

        var mcp = app.Services.GetRequiredService<McpOptions>();
        if (mcp.KnownProxies.Count > 0)
        {
            app.UseForwardedHeaders(Door.Forwarded(mcp));
        }

        app.UseMiddleware<Door>();
        if (mcp.AllowedOrigins.Count > 0)
        {
            app.UseCors();
        }
    }

    /// <summary>Puts the gateway before an endpoint, and refuses to start when something behind it has not declared what it takes.</summary>
    public static void RequireGateway(this IEndpointConventionBuilder endpoint, IServiceProvider services)
    {
        var exchange = services.GetRequiredService<Exchange>();
        foreach (var downstream in services.GetRequiredService<Surface>().Operations.Select(operation => operation.Downstream).OfType<DownstreamAttribute>())
        {
            _ = downstream.Scopes.Select(scope => exchange.FullName(downstream.Resource, scope)).ToList();
        }

        // Microsoft.Identity.Web copies what it needs from these options when they are made, and finds nothing before.
        _ = services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get(Exchange.Scheme);
        endpoint.RequireAuthorization(Policy);
    }
}
