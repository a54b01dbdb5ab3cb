using System.Text.Json;

namespace McpFilesServer.Commands;

/// <summary>
/// <c>dotnet run -- token USER "SCOPES"</c>: asks the running development identity provider for a five-minute access token and prints it,
/// and nothing else, on standard output. For trying things with curl.
/// </summary>
internal static class TokenCommand
{
    public const string Name = "token";

    private const string Usage = """usage: dotnet run --no-build -- token USER "SCOPES"      for example: token alice "files:read projects:read" """;

    public static async Task<int> RunAsync(string[] args, IConfiguration configuration, IHostEnvironment environment)
    {
        if (args is not [_, var user, var scope])
        {
            return await FailAsync(Usage.TrimEnd());
        }

        var storage = Path.GetFullPath(configuration["Storage:Directory"] ?? ".data", environment.ContentRootPath);
        var secretFile = Path.Combine(storage, "dev", "dev-cli.secret");
        if (!File.Exists(secretFile))
        {
            return await FailAsync("No development identity provider has run here yet. Start one with: dotnet run");
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "urn:mcp-files-server:dev-token",
            ["client_id"] = "dev-cli",
            ["client_secret"] = (await File.ReadAllTextAsync(secretFile)).Trim(),
            ["username"] = user,
            ["scope"] = scope,
            ["resource"] = configuration["Mcp:Resource"] ?? "",
        });
        try
        {
            using var response = await http.PostAsync(new Uri(new Uri(configuration["Dev:Url"] ?? "http://localhost:5081"), "token"), form);
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            if (!response.IsSuccessStatusCode)
            {
                return await FailAsync(answer.TryGetProperty("error_description", out var why) ? why.GetString()! : "The development identity provider refused.");
            }

            Console.WriteLine(answer.GetProperty("access_token").GetString());
            return 0;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException)
        {
            return await FailAsync("No development identity provider is running. Start one in another terminal with: dotnet run");
        }
    }

    private static async Task<int> FailAsync(string line)
    {
        await Console.Error.WriteLineAsync(line);
        return 1;
    }
}
