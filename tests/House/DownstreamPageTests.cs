using System.Text.Json;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The second downstream API of docs/downstream.md: the page has the very code that is compiled and run here.</summary>
public sealed class DownstreamPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "docs", "downstream.md"));

    [Fact]
    public async Task The_client_and_the_tool_that_it_shows_compile_as_printed() =>
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(ServerProcess.RepositoryRoot, "tests", "House", "CalendarTools.cs")), Printed("csharp"));

    [Fact]
    public async Task With_them_and_the_settings_that_it_shows_the_API_gets_a_token_of_the_caller_for_itself()
    {
        string? bearer = null;
        await using var calendar = await TestIssuer.StartAsync();
        calendar.Instead = http =>
        {
            bearer = http.Request.Headers.Authorization.ToString();
            return http.Response.WriteAsJsonAsync(http.Request.Path == "/v1/me/meetings" ? [new Meeting("Standup", "2026-11-24T09:00Z")] : Array.Empty<Meeting>());
        };
        await using var issuer = await TestIssuer.StartAsync();
        JsonElement asked = default;
        Server server = null!;
        issuer.Exchange = async http =>
        {
            asked = JsonSerializer.SerializeToElement((await http.Request.ReadFormAsync()).ToDictionary(field => field.Key, field => field.Value.ToString()));
            await http.Response.WriteAsJsonAsync(new
            {
                access_token = server.Tokens.Forge(claims => (claims["aud"], claims["scope"]) = ("https://calendar.example.com", "Meetings.Read")),
                issued_token_type = "urn:ietf:params:oauth:token-type:access_token",
                token_type = "Bearer",
                expires_in = 300,
                scope = asked.GetProperty("scope").GetString(),
            });
        };
        // Of the page's settings all but the address.
        using var json = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Printed("json")));
        var settings = new ConfigurationBuilder().AddJsonStream(json).Build().AsEnumerable().Where(setting => setting.Value is not null).Select(setting => (setting.Key, setting.Value!));
        server = await Server.StartAsync(
            services =>
            {
                services.AddDownstream<CalendarClient>("Calendar");
                services.AddMcpServer().With<CalendarTools>();
            },
            [
                ("Downstream:Apis:Calendar:BaseUrl", $"{calendar.Url}/v1"), ("Exchange:Grant", "TokenExchange"), ("Exchange:TokenEndpoint", $"{issuer.Url}/token"), ("Exchange:ClientSecret", "s"),
                .. settings.Where(setting => setting.Key != "Downstream:Apis:Calendar:BaseUrl"),
            ]);
        await using var _ = server;

        var answer = await server.CallAsync(await server.Tokens.OfAsync("alice", "people:read"), "next_meetings", new { });

        Assert.Equal("Standup", answer.Structured.GetProperty("next")[0].GetProperty("subject").GetString());
        Assert.Equal("https://calendar.example.com", asked.GetProperty("resource").GetString());
        Assert.Equal("https://calendar.example.com/Meetings.Read", asked.GetProperty("scope").GetString());
        Assert.Equal((Tokens.Alice, "https://calendar.example.com"), new JsonWebToken(bearer!["Bearer ".Length..]) is var token ? (token.Subject, Assert.Single(token.Audiences)) : default);
    }

    private static string Printed(string language)
    {
        var printed = Page[(Page.IndexOf($"```{language}\n", StringComparison.Ordinal) + $"```{language}\n".Length)..];
        return printed[..printed.IndexOf("```", StringComparison.Ordinal)];
    }
}
