using System.Diagnostics;
using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>The repository is a template: what <c>dotnet new</c> makes of it is this repository under another name, and nothing else.</summary>
public sealed class TemplateTests : IDisposable
{
    private static readonly (string From, string To)[] Names =
        [("Zed.Orders", "McpFilesServer"), ("zed.orders", "mcpfilesserver"), ("zed-orders", "mcp-files-server"), ("zed_orders", "mcp_files_server")];

    // One has an id of its own for user secrets; the other does not ask for an order of usings that is that of this name.
    private static readonly string[] Own = ["McpFilesServer.csproj", ".editorconfig"];

    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-files-template-").FullName;

    [Fact]
    public async Task A_generated_project_is_this_one_under_its_own_name_with_no_trace_of_this_one_and_nothing_left_behind()
    {
        var hive = Path.Combine(_folder, "hive");
        var made = Path.Combine(_folder, "made");
        await NewAsync("install", ServerProcess.RepositoryRoot, "--debug:custom-hive", hive);
        await NewAsync("mcp-secure", "-n", "Zed.Orders", "-o", made, "--debug:custom-hive", hive);

        var files = Directory.EnumerateFiles(made, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(made, file).Replace('\\', '/')).ToList();
        Assert.True(files.Count > 300, $"{files.Count} files");
        Assert.DoesNotContain(files, file => file.Contains(".git/", StringComparison.Ordinal) || file.Contains(".data/", StringComparison.Ordinal)
            || file.Contains("artifacts/", StringComparison.Ordinal) || file.Contains("node_modules/", StringComparison.Ordinal) || file.Contains(".template.config", StringComparison.Ordinal));
        Assert.Contains("packages.lock.json", files);
        var (port, provider) = (Port(made, "Settings.cs"), Port(made, "dev/DevOptions.cs"));
        Assert.NotEqual(port, provider);
        Assert.DoesNotContain(port, (string[])[":5080", ":5081"]);
        Assert.All(files, file =>
        {
            var text = File.ReadAllText(Path.Combine(made, file));
            Assert.DoesNotMatch("(?i)mcp.?files.?server|:508[01]", $"{file} {text}");
            if (!Own.Contains(Back(file)))
            {
                Assert.Equal(File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, Back(file))), Back(text).Replace(port, ":5080", StringComparison.Ordinal).Replace(provider, ":5081", StringComparison.Ordinal));
            }
        });
        Assert.DoesNotContain("5d0a3c0e-6f0f-4a57-9a47-3b7c0f6f9f11", await File.ReadAllTextAsync(Path.Combine(made, "Zed.Orders.csproj")), StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^dotnet_sort_", await File.ReadAllTextAsync(Path.Combine(made, ".editorconfig")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Back(string text) => Names.Aggregate(text, (was, name) => was.Replace(name.From, name.To, StringComparison.Ordinal));

    /// <summary>The port that a file of the project names, with its colon.</summary>
    private static string Port(string made, string file) => Regex.Match(File.ReadAllText(Path.Combine(made, file)), "http://localhost(:[0-9]+)").Groups[1].Value;

    private static async Task NewAsync(params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["new", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await output + await error);
    }
}
