using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What docs/entra.md says is what the server takes.</summary>
public sealed class EntraPageTests
{
    private static readonly string Docs = Path.Combine(ServerProcess.RepositoryRoot, "docs");

    [Fact]
    public async Task The_settings_file_is_one_that_production_starts_with()
    {
        var folder = Directory.CreateTempSubdirectory("mcp-files-entra-").FullName;
        File.Copy(Path.Combine(Docs, "entra.appsettings.json"), Path.Combine(folder, "appsettings.json"));

        var (exitCode, output, error) = await ServerProcess.RunAsync(["check", "--contentRoot", folder], ("ASPNETCORE_ENVIRONMENT", "Production"), ("Storage__Directory", Path.Combine(folder, "data")));

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Nothing unsafe was found.", output, StringComparison.Ordinal);
        Assert.Contains("Exchange     OnBehalfOf at https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111 as 22222222-", output, StringComparison.Ordinal);
        Assert.Contains("Worth knowing: a token for a downstream API may have all scopes that are listed for it", output, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_script_exposes_every_scope_in_the_words_of_the_server_and_asks_Graph_for_what_the_settings_list()
    {
        var script = File.ReadAllText(Path.Combine(Docs, "entra.sh"));
        var settings = new ConfigurationBuilder().AddJsonFile(Path.Combine(Docs, "entra.appsettings.json")).Build();

        Assert.All(Scopes.InWords, scope => Assert.Matches($"""scope {scope.Key} (User|Admin) "{scope.Value}"\n""", script));
        var listed = settings.GetSection("Graph:Scopes").Get<string[]>()!;
        Assert.Equal(GraphOptions.Defaults[nameof(GraphOptions.Scopes)].Order(), listed.Order());
        Assert.Contains($"--scope \"{string.Join(' ', listed.Select(scope => scope.Split('/')[^1]))}\"", script, StringComparison.Ordinal);
        Assert.Equal(settings["Mcp:Resource"] + "/", settings["Auth:Issuers:0:ScopePrefix"]);
    }

    [Fact]
    public void The_page_says_what_becomes_of_every_reason_that_it_names()
    {
        var page = File.ReadAllText(Path.Combine(Docs, "entra.md"));
        var sources = string.Concat(Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, "Auth"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));

        Assert.All(((string[])["token_lives_too_long", "obo_scope_widened", "obo_lives_too_long", "token_claim_ver", "token_audience"]), reason =>
        {
            Assert.Contains($"`{reason}`", page, StringComparison.Ordinal);
            // token_claim_ver and its like are put together from the claim's name.
            Assert.Contains(reason, sources, StringComparison.Ordinal);
        });
    }
}
