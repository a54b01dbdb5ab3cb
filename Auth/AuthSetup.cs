using McpFilesServer.Data;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Identity.Web;
using Microsoft.Identity.Web.TokenCacheProviders;

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
        var exchange = builder.AddSettings<ExchangeOptions>();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.WebHost.ConfigureKestrel(kestrel => Door.Limits(kestrel, mcp));
        // A connection that is idle holds 4 KiB for its next request, and each request is one read of the socket instead of two.
        builder.WebHost.UseSockets(sockets => sockets.WaitForDataBeforeAllocatingBuffer = false);
        builder.Services.AddCors(options => Door.Cors(options, mcp));
        builder.Services.AddHealthChecks().AddCheck<IssuersHealth>("issuers", tags: ["ready"]);
        AddGateway(builder.Services, auth);
        AddRevocation(builder.Services);
        var schemes = AddTokens(builder, auth, mcp);
        if (Exchange.IsConfiguredIn(builder.Configuration))
        {
            AddExchange(schemes, exchange, builder.Configuration.GetSection(Exchange.Scheme));
        }
    }

    private static void AddGateway(IServiceCollection services, AuthOptions auth)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<GatewayMetrics>().AddSingleton<CallLimits>().AddSingleton<OpenStreams>().AddSingleton<Sessions>();
        services.AddSingleton<Surface>().AddSingleton<DownstreamTargets>().AddSingleton<Exchange>().AddSingleton<ExchangePlaces>().AddSingleton<ExchangedTokenRules>().AddSingleton<GatewayAnswers>().AddSingleton<FailedAuthentications>().AddSingleton<Hints>();
        services.AddSingleton<IAuthorizationHandler, Gateway>().AddHostedService<StartRecord>().AddHostedService<IssuersAtStart>();
        services.AddTransient<DownstreamTrail>().ConfigureHttpClientDefaults(client => client.AddHttpMessageHandler<DownstreamTrail>());
        services.AddSingleton<IAuthorizationMiddlewareResultHandler>(provider => provider.GetRequiredService<GatewayAnswers>());
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy
            .AddAuthenticationSchemes(auth.Issuers.Count == 1 ? TokenValidation.Scheme(0) : JwtBearerDefaults.AuthenticationScheme)
            .AddRequirements(new GatewayRequirement()));

        // What a tool may ask for of the decision that let it through.
        services.AddScoped(Decision.Current)
            .AddScoped(provider => Decision.Current(provider).Caller)
            .AddScoped<IDownstreamToken>(Decision.Current);
    }

    /// <summary>What ends a token before it expires. Where revocations are kept is for Data to say.</summary>
    private static void AddRevocation(IServiceCollection services)
    {
        services.AddSingleton<TokenStanding>().AddSingleton<OpenRequests>().AddSingleton<LogoutTokens>().AddSingleton<RevocationPurge>();
        services.AddHostedService<OpenRequestsWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<RevocationPurge>());
    }

    /// <summary>
    /// A scheme for each issuer, with its own keys, and for several one before them that finds out whose the token is. None is the default: tokens are looked at
    /// where the gateway stands, and nowhere else can they make work.
    /// </summary>
    private static AuthenticationBuilder AddTokens(WebApplicationBuilder builder, AuthOptions auth, McpOptions mcp)
    {
        var services = builder.Services;
        var schemes = services.AddAuthentication()
            .AddPolicyScheme(JwtBearerDefaults.AuthenticationScheme, null, scheme => scheme.ForwardDefaultSelector = TokenValidation.SchemeOf(auth));
        KeyDocuments.Configure(services);
        Introspection.Configure(services);
        for (var i = 0; i < auth.Issuers.Count; i++)
        {
            var (issuer, scheme) = (auth.Issuers[i], TokenValidation.Scheme(i));
            services.AddKeyedSingleton(scheme, (provider, _) => new IssuerKeys(
                issuer,
                new KeyDocuments(provider.GetRequiredService<IHttpClientFactory>().CreateClient(KeyDocuments.Client), builder.Environment.IsDevelopment()),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<Hints>()));
            schemes.AddJwtBearer(scheme, _ => { });
            services.AddOptions<JwtBearerOptions>(scheme).Configure<IServiceProvider>((options, provider) => TokenValidation.Configure(
                options, issuer, issuer.Audience ?? mcp.Resource, auth.ClockSkew, provider, provider.GetRequiredKeyedService<IssuerKeys>(scheme)));
            if (issuer.Introspection is not null)
            {
                services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Introspection>(provider, issuer, issuer.Audience ?? mcp.Resource));
            }
        }

        return schemes;
    }

    /// <summary>One of two ways. Microsoft.Identity.Web is there outbound only: its own validation of inbound tokens is never asked.</summary>
    private static void AddExchange(AuthenticationBuilder schemes, ExchangeOptions options, IConfigurationSection settings)
    {
        IssuerClient.Configure(schemes.Services);
        if (options.Grant == ExchangeGrant.TokenExchange)
        {
            schemes.Services.AddSingleton<ITokenExchange, TokenExchange>();
            return;
        }

        schemes.AddMicrosoftIdentityWebApi(settings, jwtBearerScheme: Exchange.Scheme).EnableTokenAcquisitionToCallDownstreamApi();
        schemes.Services.AddSingleton<IMsalTokenCacheProvider, NoTokenCache>().AddSingleton<ITokenExchange, OnBehalfOfExchange>();
        schemes.Services.Configure<TokenAcquisitionExtensionOptions>(OnBehalfOfExchange.AskForNothingElse);
    }

    /// <summary>Before anything else: uniform errors, then the door.</summary>
    public static void UseDoor(this WebApplication app)
    {
        app.UseExceptionHandler(errors => errors.Run(context =>
            context.RequestServices.GetRequiredService<GatewayAnswers>().WriteAsync(context, Refusal.Unavailable)));
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
    /// <exception cref="SettingsException">Something has not.</exception>
    public static void RequireGateway(this IEndpointConventionBuilder endpoint, IServiceProvider services)
    {
        // Made now, both refuse what is not declared.
        _ = services.GetRequiredService<Surface>();
        _ = services.GetRequiredService<DownstreamTargets>();
        if (services.GetService<IMsalTokenCacheProvider>() is not null)
        {
            // Microsoft.Identity.Web copies what it needs from these options when they are made, and finds nothing before.
            _ = services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get(Exchange.Scheme);
        }

        // A wrong media type is for the gateway to refuse, after the token and on the record; routing would answer 415 before both.
        endpoint.Add(builder =>
        {
            foreach (var accepts in builder.Metadata.OfType<IAcceptsMetadata>().ToList())
            {
                builder.Metadata.Remove(accepts);
            }
        });
        endpoint.RequireAuthorization(Policy);
    }
}
