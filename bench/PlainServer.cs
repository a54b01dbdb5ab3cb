using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Server;

namespace McpFilesServer.Bench;

/// <summary>
/// What this server is measured beside: one tool of the SDK that gives a file's text, for anybody or for a bearer of a valid token. It runs in a process of
/// its own, <c>plain PORT FOLDER [ISSUER RESOURCE]</c>.
/// </summary>
internal static class PlainServer
{
    public static async Task<int> RunAsync(string[] args)
    {
        var (port, folder) = (args[1], args[2]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls($"http://localhost:{port}");
        builder.Services.AddMcpServer().WithHttpTransport().WithTools([McpServerTool.Create(
            (string path, string? project = null) => File.ReadAllTextAsync(Path.Combine(folder, Path.GetFileName(path))), new() { Name = "read_text_file", Description = "Reads a text file." })]);
        builder.Services.AddAuthorization();
        if (args is [.., var issuer, var resource] && args.Length > 3)
        {
            builder.Services.AddAuthentication().AddJwtBearer(JwtBearerDefaults.AuthenticationScheme, options =>
            {
                (options.Authority, options.Audience, options.RequireHttpsMetadata, options.MapInboundClaims) = (issuer, resource, false, false);
                options.TokenValidationParameters.ValidTypes = ["at+jwt"];
            });
        }

        var app = builder.Build();
        app.MapGet("/health/ready", () => "ready");
        var mcp = app.MapMcp("/mcp");
        if (args.Length > 3)
        {
            app.UseAuthentication();
            app.UseAuthorization();
            mcp.RequireAuthorization();
        }

        await app.RunAsync();
        return 0;
    }
}
