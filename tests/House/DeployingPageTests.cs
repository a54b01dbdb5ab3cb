using System.Security.Cryptography;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What docs/deploying.md says, and the files of deploy/, are what the server takes, and give away no right that it does not need.</summary>
public sealed partial class DeployingPageTests : IDisposable
{
    private static readonly string Page = Read("docs/deploying.md");
    private static readonly string Unit = Read("deploy/mcp-files-server.service");
    private static readonly string[] Manifest = Read("deploy/kubernetes.yaml").Split("\n---\n");

    private readonly string _folder = Directory.CreateTempSubdirectory("mcp-files-deploying-").FullName;

    [Fact]
    public Task Production_starts_with_the_settings_of_the_page() =>
        NothingIsUnsafeAsync(Setting().Matches(Page).Select(match => (match.Groups[1].Value, match.Groups[2].Value)));

    [Fact]
    public async Task Production_starts_with_the_settings_of_the_manifest()
    {
        using var key = RSA.Create(2048);
        await File.WriteAllTextAsync(Path.Combine(_folder, "exchange.pem"), key.ExportPkcs8PrivateKeyPem());
        var settings = MapEntry().Matches(Object("ConfigMap")).Select(match => (match.Groups[1].Value, match.Groups[2].Value.Replace("/secrets", _folder, StringComparison.Ordinal))).ToList();
        Assert.Contains(settings, setting => setting.Item1 == "Exchange__KeyFile");

        await NothingIsUnsafeAsync(settings);
    }

    [Fact]
    public void The_unit_runs_without_rights_on_a_file_system_that_it_cannot_write_to_but_for_its_storage()
    {
        string[] lines =
        [
            "User=mcp-files-server", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "RestrictNamespaces=yes",
            "ProtectProc=invisible", "ProtectKernelTunables=yes", "SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM", "StateDirectory=mcp-files-server", "StateDirectoryMode=0700", "UMask=0077", "TasksMax=256", "MemoryMax=2G",
        ];

        Assert.Empty(lines.Except(Unit.Split('\n')));
        Assert.Contains("Storage__Directory=/var/lib/mcp-files-server", Unit, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^ReadWritePaths=", Unit);
    }

    [Fact]
    public void The_container_is_not_root_has_no_shell_and_cannot_write_but_to_its_volume()
    {
        var deployment = Object("Deployment").Split('\n').Select(line => line.Trim()).ToList();
        string[] lines =
        [
            "runAsNonRoot: true", "runAsUser: 1654", "type: RuntimeDefault", "allowPrivilegeEscalation: false", "readOnlyRootFilesystem: true", "drop: [ALL]", "automountServiceAccountToken: false",
            "memory: 2Gi", "cpu: \"2\"", "mountPath: /data", "replicas: 1", "type: Recreate",
        ];
        Assert.Empty(lines.Except(deployment));
        Assert.Matches("image: [^:]+@sha256:[0-9a-f]{64}", Object("Deployment"));
        Assert.Contains("pod-security.kubernetes.io/enforce: restricted", Object("Namespace"), StringComparison.Ordinal);
        Assert.Contains("--read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 256 --memory 2g", Page, StringComparison.Ordinal);

        var project = XDocument.Load(Path.Combine(ServerProcess.RepositoryRoot, "McpFilesServer.csproj"));
        Assert.Equal(("noble-chiseled-extra", "false"), (Property(project, "ContainerFamily"), Property(project, "InvariantGlobalization")));
        Assert.Equal("/data", project.Descendants("ContainerEnvironmentVariable").Single(variable => (string?)variable.Attribute("Include") == "Storage__Directory").Attribute("Value")!.Value);
        // Chiselled images run as user 1654 unless somebody says otherwise.
        Assert.Empty(project.Descendants("ContainerUser"));
    }

    [Fact]
    public void The_kubelet_asks_by_the_only_name_that_the_server_answers_to()
    {
        var host = new Uri(MapEntry().Matches(Object("ConfigMap")).Single(match => match.Groups[1].Value == "Mcp__Resource").Groups[2].Value).Authority;

        Assert.Equal([host, host], ProbeHost().Matches(Object("Deployment")).Select(match => match.Groups[1].Value));
        Assert.Equal(2, Regex.Count(Object("Deployment"), "path: /health/(live|ready)\n"));
    }

    [Fact]
    public void The_network_policy_lets_nothing_in_or_out_but_the_proxy_the_resolver_and_named_addresses()
    {
        var policy = Object("NetworkPolicy");

        Assert.Contains("podSelector: {}\n  policyTypes: [Ingress, Egress]", policy, StringComparison.Ordinal);
        Assert.Equal(["8080", "53", "53", "443"], Regex.Matches(policy, @"port: (\d+)").Select(match => match.Groups[1].Value));
        // Each is one machine; an empty rule would be everybody.
        Assert.All(Regex.Matches(policy, "cidr: (.+)").Select(match => match.Groups[1].Value), cidr => Assert.EndsWith("/32", cidr, StringComparison.Ordinal));
        Assert.DoesNotContain("- {}", policy, StringComparison.Ordinal);
        Assert.Equal(3, Regex.Count(policy, "- (from|to):\n        - (namespaceSelector|ipBlock):"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task NothingIsUnsafeAsync(IEnumerable<(string Key, string Value)> settings)
    {
        var (exitCode, output, error) = await ServerProcess.RunAsync(
            ["check", "--contentRoot", _folder], [.. settings.Where(setting => setting.Key != "Storage__Directory"), ("Storage__Directory", Path.Combine(_folder, "data")), ("ASPNETCORE_ENVIRONMENT", "Production")]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Resource     https://files.example.com/mcp", output, StringComparison.Ordinal);
        Assert.Contains("Nothing unsafe was found.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("no reverse proxy is named", output, StringComparison.Ordinal);
    }

    private static string Object(string kind) => Assert.Single(Manifest, document => document.Contains($"\nkind: {kind}\n", StringComparison.Ordinal));

    private static string? Property(XDocument project, string name) => project.Descendants(name).Single().Value;

    private static string Read(string file) => File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, file)).ReplaceLineEndings("\n");

    [GeneratedRegex(@"^(\w+__\w+)=(\S+)$", RegexOptions.Multiline)]
    private static partial Regex Setting();

    [GeneratedRegex(@"^  (\w+__\w+): (\S+)$", RegexOptions.Multiline)]
    private static partial Regex MapEntry();

    [GeneratedRegex(@"name: Host\n +value: (\S+)")]
    private static partial Regex ProbeHost();
}
