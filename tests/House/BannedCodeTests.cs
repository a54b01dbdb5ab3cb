using System.Text.RegularExpressions;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>What the product never does, read from its source: start a process, make code, or call somewhere past the factory of clients.</summary>
public sealed partial class BannedCodeTests
{
    private static readonly string[] Rooms = ["Auth", "Tools", "Data", "Commands", "Front"];

    [Fact]
    public void Nothing_starts_a_process_or_makes_code()
    {
        var sources = Sources().ToList();
        Assert.True(sources.Count > 100, $"{sources.Count} files were read.");

        Assert.All(sources, file => Assert.False(Banned().IsMatch(Code(file)), $"{file}: {Banned().Match(Code(file)).Value}"));
    }

    [Fact]
    public void Every_outbound_call_is_by_a_client_that_the_factory_made() =>
        // The one place that opens a connection itself does so for a client of the factory, to judge the address.
        Assert.All(Sources().Where(file => Path.GetFileName(file) != "TransferDial.cs"), file => Assert.DoesNotMatch(@"new (HttpClient|SocketsHttpHandler|HttpClientHandler|WebClient|TcpClient|UdpClient|Socket|ClientWebSocket)\(", Outbound().Replace(Code(file), "")));

    [Fact]
    public void Nothing_can_get_a_token_for_the_server_itself() =>
        // What a confused deputy would fall back to. Comments and the words for people are not code.
        Assert.All(Sources(), file => Assert.DoesNotMatch(
            @"(?i)ForClient|ForApp\b|ForAppAsync|client_credentials|RequestAppToken|AppToken\b|AcquireTokenByUsernamePassword|AcquireTokenSilent|DefaultAzureCredential|ManagedIdentityCredential|ManagedIdentityApplication|ClientSecretCredential|ClientCertificateCredential|AddMicrosoftIdentityMessageHandler|LongRunning",
            Code(file)));

    [Fact]
    public void SQL_is_fixed_text() =>
        // No parameter can stand for a name; those that are put together here are constants of the code.
        Assert.All(Sources().Where(file => Path.GetFileName(file) is not ("Database.cs" or "AuditDatabase.cs" or "AuditVerification.cs")), file =>
            Assert.DoesNotMatch(@"(?is)\$@?""+[^""]*\b(select .+ from|insert into|update \w+ set|delete from|drop table|alter table|create table)\b", Code(file).Replace("update project set {change} where", "", StringComparison.Ordinal)));

    private static IEnumerable<string> Sources() => Rooms.SelectMany(room => Directory.EnumerateFiles(Path.Combine(ServerProcess.RepositoryRoot, room), "*.cs", SearchOption.AllDirectories))
        .Concat(Directory.EnumerateFiles(ServerProcess.RepositoryRoot, "*.cs"));

    private static string Code(string file) => Comment().Replace(File.ReadAllText(file), "");

    [GeneratedRegex(@"\bProcess\.Start|new Process\b|ProcessStartInfo|Reflection\.Emit|AssemblyBuilder|DynamicMethod|CSharpScript|CodeDom|Microsoft\.CodeAnalysis|Assembly\.Load|Activator\.CreateInstance\(|\bdynamic\s+\w+\s*=|Expression\.Lambda|\.Compile\(\)|Type\.GetType\(|BinaryFormatter|TypeNameHandling|\bexecve?\b|\bposix_spawn\b|\bfork\b|""(/bin/)?(sh|bash|cmd(\.exe)?|powershell)""")]
    private static partial Regex Banned();

    /// <summary>Handlers that a named client of the factory is given, to forbid it redirects and proxies.</summary>
    [GeneratedRegex(@"ConfigurePrimaryHttpMessageHandler\(\(\) => new SocketsHttpHandler\b[^;]*;|=> new SocketsHttpHandler\b")]
    private static partial Regex Outbound();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();
}
