using McpFilesServer;
using McpFilesServer.Auth;
using McpFilesServer.Commands;
using McpFilesServer.Data;
using McpFilesServer.Front;
using McpFilesServer.Tools;
#if DEBUG
using McpFilesServer.Dev;

// A Debug build whose environment is not set is somebody's own machine.
Environment.SetEnvironmentVariable("ASPNETCORE_ENVIRONMENT", Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT")
    ?? Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT") ?? Environments.Development);
#endif

try
{
    if (CommandLine.IsMisspelt(args))
    {
        return await CommandLine.ExplainAsync(args);
    }

    // Settings are read once: a look-out for changes would wake for every file that is written below here.
    var builder = WebApplication.CreateBuilder([.. args, "--hostBuilder:reloadConfigOnChange=false"]);
    if (await CommandLine.RunWithoutServerAsync(args, builder) is { } done)
    {
        return done;
    }

    WarmUp.Begin();
#if DEBUG
    // An issuer with sign-in pages and a stand-in for Microsoft Graph, so that the whole pattern runs on one machine.
    if (builder.Environment.IsDevelopment())
    {
        builder.RequireSettings<StorageOptions>();
        builder.RequireSettings<McpOptions>();
        builder.AddDevelopmentProvider(Scopes.InWords);
    }
#endif

    builder.RequireSafeSettings();
    builder.ListenOnLoopback();
    builder.AddTelemetry();
    builder.AddHealth();
    builder.AddAuth();
    builder.AddData();
    builder.AddTools()
        .With<ProjectTools>()
        .With<MemberTools>()
        .With<WorkspaceTools>()
        .With<ReadingTools>()
        .With<SearchTools>()
        .With<WritingTools>()
        .With<TrashTools>()
        .With<DriveTools>()
        .With<PeopleTools>()
        .WithResourcesOf<ProjectResources>()
        .WithPromptsOf<ProjectPrompts>();

    await using var app = builder.Build();

#if DEBUG
    if (args is [ApproveCommand.Name, ..])
    {
        return await ApproveCommand.RunAsync(app, Console.Out);
    }
#endif

    // The way of a request: uniform errors, door (host, size, origin), token and gateway, SDK, arguments, tool.
    app.UseDoor();
    app.UseAuthorization();
    app.MapTools().RequireGateway(app.Services);
    app.MapResourceMetadata();
    app.MapBackchannelLogout();
    app.MapFrontPage();
    app.MapHealth();

    if (await CommandLine.RunAsync(args, app) is { } status)
    {
        return status;
    }

    await app.RunAsync();
    return 0;
}
catch (SettingsException e) when (args is [CheckCommand.Name, ..])
{
    return CheckCommand.Refuse(e, Console.Out);
}
catch (Exception e) when (StartFailure.Explain(e) is { } line)
{
    await Console.Error.WriteLineAsync(line);
    return 1;
}
