using McpFilesServer.Auth;
using McpFilesServer.Data;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- check</c>: says what is configured, what is worth knowing about it, and what is unsafe. The exit status is 1 when the server would
/// not start.
/// </summary>
internal static class CheckCommand
{
    public const string Name = "check";

    /// <summary>All problems of all settings.</summary>
    public static IReadOnlyList<string> Problems(WebApplicationBuilder builder) =>
    [
        .. SettingsSetup.Problems<McpOptions>(builder), .. SettingsSetup.Problems<AuthOptions>(builder), .. SettingsSetup.Problems<LimitsOptions>(builder), .. SettingsSetup.Problems<ExchangeOptions>(builder),
        .. SettingsSetup.Problems<StorageOptions>(builder), .. SettingsSetup.Problems<FilesOptions>(builder), .. SettingsSetup.Problems<WorkspaceOptions>(builder), .. SettingsSetup.Problems<AuditOptions>(builder), .. SettingsSetup.Problems<GraphOptions>(builder), .. SettingsSetup.Problems<DownstreamOptions>(builder),
        .. UnsafeSettings.Problems(
            builder.Configuration,
            [McpOptions.Section, AuthOptions.Section, LimitsOptions.Section, ExchangeOptions.Section, StorageOptions.Section, FilesOptions.Section, WorkspaceOptions.Section, AuditOptions.Section, GraphOptions.Section, DownstreamOptions.Section],
            builder.Environment),
    ];

    /// <exception cref="SettingsException">There is a problem. The message has a line for each.</exception>
    public static void RequireSafeSettings(this WebApplicationBuilder builder)
    {
        if (Problems(builder) is { Count: > 0 } problems)
        {
            throw new SettingsException(string.Join(Environment.NewLine, problems));
        }
    }

    /// <summary>Says what keeps the server from starting.</summary>
    public static int Refuse(SettingsException refused, TextWriter output)
    {
        output.WriteLine("The server does not start with these settings:");
        foreach (var problem in refused.Message.Split(Environment.NewLine))
        {
            output.WriteLine($"  - {problem}");
        }

        return 1;
    }

    /// <summary>Describes a server that is built and would start.</summary>
    public static int Describe(WebApplication app, TextWriter output)
    {
        var (mcp, auth, storage) = (app.Services.GetRequiredService<McpOptions>(), app.Services.GetRequiredService<AuthOptions>(), app.Services.GetRequiredService<StorageOptions>());
        output.WriteLine($"Environment  {app.Environment.EnvironmentName}");
        output.WriteLine($"Resource     {mcp.Resource} (metadata at {mcp.MetadataUri})");
        foreach (var issuer in auth.Issuers)
        {
            output.WriteLine($"Issuer       {issuer.Authority} ({issuer.Profile}, tokens of at most {issuer.LifetimeLimit}, audience {issuer.Audience ?? mcp.Resource}{(issuer.Introspection is null ? "" : $", asked on every request at {issuer.Introspection.Endpoint}")})");
        }

        output.WriteLine($"Clients      {(auth.AllowedClients.Count == 0 ? "any that an issuer vouches for" : string.Join(", ", auth.AllowedClients))}");
        output.WriteLine($"Exchange     {(Exchange.IsConfiguredIn(app.Configuration) ? ExchangeOf(app) : "none: tools that call downstream say so")}");
        output.WriteLine($"Logout       {(LogoutTokens.Audience(app.Configuration) is { } audience ? $"{BackchannelLogout.Path}, for {audience}" : "not served: Obo:ClientId is not set")}");
        output.WriteLine($"Hosts        {string.Join(", ", mcp.Hosts(app.Environment))}");
        output.WriteLine($"Origins      {(mcp.AllowedOrigins.Count == 0 ? "its own; CORS is off" : string.Join(", ", mcp.AllowedOrigins))}");
        var limits = app.Services.GetRequiredService<LimitsOptions>();
        output.WriteLine($"Limits       for each person {limits.CallsPerMinute} calls and {limits.BytesPerMinute} bytes a minute, {limits.ConcurrentCalls} calls at once, {limits.CallTimeout} a call; {limits.Seats} calls at once for all");
        var graph = app.Services.GetRequiredService<GraphOptions>();
        output.WriteLine($"Graph        {graph.BaseUrl}, contents of drives at {string.Join(", ", graph.TransferHosts)}");
        output.WriteLine($"Storage      {Path.GetFullPath(storage.Directory, app.Environment.ContentRootPath)}");
        output.WriteLine($"Telemetry    {(Telemetry.Endpoint(app.Configuration) is { } endpoint ? $"sent to {endpoint}" : "not sent: OTEL_EXPORTER_OTLP_ENDPOINT is not set")}");
        foreach (var note in WorthKnowing(app.Environment, mcp, auth).Concat(WorthKnowing(app.Services.GetRequiredService<ExchangeOptions>())))
        {
            output.WriteLine($"Worth knowing: {note}");
        }

        output.WriteLine("Nothing unsafe was found.");
        return 0;
    }

    private static string ExchangeOf(WebApplication app)
    {
        var (options, obo) = (app.Services.GetRequiredService<ExchangeOptions>(), app.Configuration.GetSection(Exchange.Scheme));
        var at = options.TokenEndpoint ?? obo["Authority"] ?? $"{obo["Instance"]}{obo["TenantId"]}";
        return $"{options.Grant} at {at} as {obo["ClientId"]}, tokens of at most {options.MaxTokenLifetime}, {options.AtOnce} at once";
    }

    internal static IEnumerable<string> WorthKnowing(ExchangeOptions exchange)
    {
        if (exchange.MaxTokenLifetime > TimeSpan.FromMinutes(5))
        {
            yield return $"tokens for downstream APIs may live {exchange.MaxTokenLifetime} (Exchange:MaxTokenLifetime); this server forgets each with its call.";
        }

        if (exchange.AcceptedScopes == AcceptedScopes.Listed)
        {
            yield return "a token for a downstream API may have all scopes that are listed for it, and not only those that the tool needs (Exchange:AcceptedScopes).";
        }
    }

    /// <summary>What is allowed and has a consequence.</summary>
    internal static IEnumerable<string> WorthKnowing(IHostEnvironment environment, McpOptions mcp, AuthOptions auth)
    {
        if (environment.IsDevelopment())
        {
            yield return "this is Development: anybody at this machine can sign in as anybody.";
        }

        if (mcp.LegacyClients)
        {
            yield return "clients of the initialize-based protocol versions are served (Mcp:LegacyClients).";
        }

        if (mcp.Sessions == SessionMode.Hybrid)
        {
            yield return "older clients have sessions, kept in the memory of this one process (Mcp:Sessions).";
        }

        foreach (var issuer in auth.Issuers.Where(issuer => issuer.Profile == TokenProfile.Entra))
        {
            yield return $"Entra issues no token below ten minutes; give this application a ten-minute token lifetime policy, or tokens of {issuer.Authority} will be refused.";
        }

        foreach (var issuer in auth.Issuers.Where(issuer => issuer.LifetimeLimit > TimeSpan.FromMinutes(15)))
        {
            yield return $"a stolen token of {issuer.Authority} can be used for {issuer.LifetimeLimit} (MaxTokenLifetime).";
        }

        if (mcp.KnownProxies.Count == 0 && new Uri(mcp.Resource).Scheme == "https")
        {
            yield return "no reverse proxy is named (Mcp:KnownProxies), so this server must end TLS itself.";
        }
    }
}
