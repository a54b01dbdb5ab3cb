using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What has to hold before a change lands, and before a release is made.</summary>
public sealed class WorkflowTests
{
    private static readonly string[] Workflows = Directory.GetFiles(Path.Combine(ServerProcess.RepositoryRoot, ".github", "workflows"), "*.yml");

    [Fact]
    public void The_gate_restores_what_is_locked_with_no_known_hole_and_skips_nothing()
    {
        var (gate, build) = (Read(".ci/run"), Read("Directory.Build.props"));

        Assert.Contains("REQUIRE_ALL_TESTS=1", gate, StringComparison.Ordinal);
        string[] steps = ["dotnet restore McpFilesServer.slnx --locked-mode\n", "dotnet build McpFilesServer.slnx --no-restore\n", "dotnet format McpFilesServer.slnx --no-restore --verify-no-changes\n", "dotnet test --no-build\n"];
        Assert.All(steps, step => Assert.Contains(step, gate, StringComparison.Ordinal));
        string[] rules = ["<TreatWarningsAsErrors>true<", "<AnalysisLevel>latest-all<", "<RestorePackagesWithLockFile>true<", "<NuGetAuditMode>all<", "<WarningsNotAsErrors>NU1900<"];
        Assert.All(rules, rule => Assert.Contains(rule, build, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_change_and_every_release_passes_the_gate_and_a_release_says_what_it_is_made_of_and_where()
    {
        var (build, release) = (Read(".github/workflows/build.yml"), Read(".github/workflows/release.yml"));

        Assert.All([build, release], workflow => Assert.Contains("- run: .ci/run\n", workflow, StringComparison.Ordinal));
        Assert.All(((string[])["pull_request:", "windows-latest", "macos-latest"]), needed => Assert.Contains(needed, build, StringComparison.Ordinal));
        Assert.Equal(2, Regex.Count(release, "uses: actions/attest-build-provenance@"));
        Assert.All(((string[])["uses: actions/attest-sbom@", "format: cyclonedx-json", "-p:RestoreLockedMode=true"]), needed => Assert.Contains(needed, release, StringComparison.Ordinal));
        Assert.Contains("queries: security-extended", Read(".github/workflows/codeql.yml"), StringComparison.Ordinal);
        Assert.All(((string[])["nuget", "npm", "github-actions"]), ecosystem => Assert.Contains($"package-ecosystem: {ecosystem}\n", Read(".github/dependabot.yml"), StringComparison.Ordinal));
    }

    [Fact]
    public void A_workflow_may_read_and_leaves_no_credential_and_puts_nobodys_words_into_a_shell() =>
        Assert.All(Workflows.Select(File.ReadAllText), workflow =>
        {
            Assert.Matches("(?m)^permissions:\n  contents: read$", workflow);
            Assert.Equal(Regex.Count(workflow, "uses: actions/checkout@"), Regex.Count(workflow, "persist-credentials: false"));
            Assert.DoesNotContain("pull_request_target", workflow, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"run:[^\n]*\$\{\{", workflow);
            Assert.DoesNotMatch(@"run: \|\n(?: {10,}[^\n]*\n)*? {10,}[^\n]*\$\{\{", workflow);
        });

    private static string Read(string file) => File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, file)).ReplaceLineEndings("\n");
}
