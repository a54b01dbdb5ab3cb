using McpFilesServer.Commands;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Commands;

/// <summary>In Production the server refuses to start on anything unsafe, with one line that names the setting and the fix.</summary>
public sealed class CheckTests : IDisposable
{
    private static readonly (string, string)[] Good =
    [
        ("ASPNETCORE_ENVIRONMENT", "Production"), ("Mcp__Resource", "https://files.example.com/mcp"), ("Auth__Issuers__0__Authority", "https://idp.example.com/"),
        ("Obo__ClientId", "files"), ("Obo__Authority", "https://idp.example.com/"),
        ("Obo__ClientCredentials__0__SourceType", "SignedAssertionFromManagedIdentity"), ("Urls", "http://127.0.0.1:0"),
    ];

    private readonly string _storage = Path.Combine(Path.GetTempPath(), $"mcp-files-check-{Guid.NewGuid():n}");

    [Theory]
    [InlineData("Mcp__Resource", "http://files.example.com/mcp")]
    [InlineData("Mcp__Resource", "http://localhost:5080/mcp")]
    [InlineData("Mcp__Resource", "")]
    [InlineData("Mcp__Resource", "https://files.example.com/mcp/")]
    [InlineData("Mcp__AllowedHosts__0", "*")]
    [InlineData("Mcp__AllowedHosts__0", "*.example.com")]
    [InlineData("Mcp__AllowedOrigins__0", "*")]
    [InlineData("Mcp__AllowedOrigins__0", "http://chat.example.com")]
    [InlineData("Mcp__KnownProxies__0", "0.0.0.0/0")]
    [InlineData("Mcp__MaxRequestBytes", "2000000000")]
    [InlineData("Auth__Issuers__0__Authority", "http://idp.example.com/")]
    [InlineData("Auth__Issuers__0__Authority", "https://localhost:5081/")]
    [InlineData("Auth__Issuers__0__Authority", "http://localhost:5081/")]
    [InlineData("Auth__Issuers__0__MaxTokenLifetime", "02:00:00")]
    [InlineData("Auth__Issuers__0__Audience", "*")]
    [InlineData("Auth__Issuers__0__Audience", " ")]
    [InlineData("Auth__Issuers__0__ClientSecret", "s3cret")]
    [InlineData("Auth__Issuers__0__Introspection__Endpoint", "http://idp.example.com/introspect")]
    [InlineData("Auth__Issuers__0__Introspection__Endpoint", "http://localhost:5081/introspect")]
    [InlineData("Auth__Issuers__0__Introspection__ClientId", "files")]
    [InlineData("Auth__ClockSkew", "00:05:00")]
    [InlineData("Auth__AllowedClients__0", "*")]
    [InlineData("Graph__BaseUrl", "http://graph.example.com")]
    [InlineData("AllowedHosts", "*")]
    [InlineData("Dev__Url", "http://localhost:5081")]
    [InlineData("DetailedErrors", "true")]
    [InlineData("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true")]
    [InlineData("Mcp__KnownProxies__0", "::/8")]
    [InlineData("Mcp__Resource", "https://files.example.com/health/mcp")]
    [InlineData("Mcp__Resource", "https://files.example.com/backchannel-logout")]
    [InlineData("Auth__Issuers__0__ScopePrefix", "a\"b")]
    [InlineData("Obo__ClientCredentials__0__Base64EncodedValue", "s3cret")]
    [InlineData("Graph__Scopes__0", "https://graph.microsoft.com/Other")]
    [InlineData("Obo__ClientCredentials__0__ClientSecret", "s3cret")]
    [InlineData("Obo__Authority", "http://idp.example.com/")]
    [InlineData("Obo__ClientSecret", "s3cret")]
    [InlineData("Obo__ClientCredentials__0__SourceType", "ClientSecret")]
    [InlineData("Obo__ClientCredentials__0__SourceType", "Nonsense")]
    [InlineData("Obo__ClientCredentials__0__SourceType", "Path")]
    [InlineData("Obo__TenantId", "organizations")]
    [InlineData("Obo__Authority", "https://login.microsoftonline.com/common/v2.0")]
    [InlineData("Exchange__MaxTokenLifetime", "02:00:00")]
    [InlineData("Exchange__AtOnce", "0")]
    [InlineData("Exchange__Grant", "7")]
    [InlineData("Exchange__KeyFile", "key.pem")]
    [InlineData("Exchange__Scope", "all")]
    [InlineData("Downstream__Apis__Calendar__BaseUrl", "http://calendar.example.com")]
    [InlineData("Files__Root", "no/such/folder")]
    [InlineData("Files__Welcome__0__Subject", "alice")]
    [InlineData("Limits__CallsPerMinute", "0")]
    [InlineData("Limits__ConcurrentCalls", "0")]
    [InlineData("Limits__TotalConcurrentCalls", "0")]
    [InlineData("Limits__BytesPerMinute", "much")]
    [InlineData("Limits__CallTimeout", "00:00:00")]
    [InlineData("Limits__FailedAuthenticationsPerMinute", "0")]
    public async Task Production_does_not_start_with(string key, string value)
    {
        (string, string)[] settings = [.. Good, ("Storage__Directory", _storage), (key, value)];

        var started = await ServerProcess.RunAsync([], settings);
        var check = await ServerProcess.RunAsync(["check"], settings);

        Assert.Equal(1, started.ExitCode);
        var line = Assert.Single(started.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith(key.Split("__")[0], line, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", line, StringComparison.Ordinal);
        Assert.Equal(1, check.ExitCode);
        Assert.Contains(line, check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_in_the_settings_file_is_told_from_one_in_the_environment()
    {
        Directory.CreateDirectory(_storage);
        await File.WriteAllTextAsync(Path.Combine(_storage, "appsettings.json"), """{ "Obo": { "ClientCredentials": [ { "SourceType": "ClientSecret", "ClientSecret": "s3cret" } ] } }""");

        var (exitCode, output, _) = await ServerProcess.RunAsync(["check", "--contentRoot", _storage], [.. Good]);

        Assert.Equal(1, exitCode);
        Assert.Contains("Obo:ClientCredentials:0:ClientSecret is a secret in a settings file.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_secret_for_introspection_may_come_from_the_environment_and_not_from_a_settings_file(bool file)
    {
        Directory.CreateDirectory(_storage);
        await File.WriteAllTextAsync(
            Path.Combine(_storage, "appsettings.json"), $$"""{ "Auth": { "Issuers": [ { "Introspection": { "ClientId": "files" {{(file ? ", \"ClientSecret\": \"s3cret\"" : "")}} } } ] } }""");
        (string, string)[] settings = [.. Good, ("Auth__Issuers__0__Introspection__Endpoint", "https://idp.example.com/introspect")];

        var (exitCode, output, _) = await ServerProcess.RunAsync(
            ["check", "--contentRoot", _storage], file ? settings : [.. settings, ("Auth__Issuers__0__Introspection__ClientSecret", "s3cret"), ("Storage__Directory", _storage)]);

        Assert.Equal(file ? 1 : 0, exitCode);
        Assert.Contains(
            file ? "Auth:Issuers:0:Introspection:ClientSecret is a secret in a settings file." : "asked on every request at https://idp.example.com/introspect", output, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Good_settings_are_described_with_what_is_worth_knowing()
    {
        var (exitCode, output, error) = await ServerProcess.RunAsync(["check"], [.. Good, ("Storage__Directory", _storage)]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Issuer       https://idp.example.com/ (Rfc9068, tokens of at most 00:05:00, audience https://files.example.com/mcp)", output, StringComparison.Ordinal);
        Assert.Contains("Limits       for each person 600 calls and 134217728 bytes a minute, 64 calls at once, 00:01:00 a call; 512 calls at once for all", output, StringComparison.Ordinal);
        Assert.Contains("Worth knowing: clients of the initialize-based protocol versions are served", output, StringComparison.Ordinal);
        Assert.Contains("Nothing unsafe was found.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("KeyFile", true, null)]
    [InlineData("ClientSecret", true, "Exchange:ClientSecret is a plain secret, which is for Development. Remove it, and set Exchange:KeyFile to a private key.")]
    [InlineData("ClientSecret", false, "Exchange:ClientSecret is a plain secret, which is for Development. Remove it, and set Exchange:KeyFile to a private key.")]
    [InlineData("KeyFile", false, "Exchange:KeyFile 'no-such.pem' cannot be used: it cannot be read. Name a PEM file with an RSA key of 2048 bits or more, or an EC key (P-256).")]
    public async Task With_RFC_8693_production_proves_itself_with_a_key_and_never_with_a_secret(string proof, bool withKey, string? refusal)
    {
        Directory.CreateDirectory(_storage);
        var file = Path.Combine(_storage, "key.pem");
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(file, key.ExportPkcs8PrivateKeyPem());
        (string, string)[] settings =
        [
            .. Good, ("Storage__Directory", _storage), ("Exchange__Grant", "TokenExchange"), ("Exchange__TokenEndpoint", "https://idp.example.com/token"), ("Exchange__Issuer", "https://idp.example.com/"),
            .. withKey ? [("Exchange__KeyFile", file)] : Array.Empty<(string, string)>(), .. proof == "ClientSecret" ? [("Exchange__ClientSecret", "s3cret")] : withKey ? Array.Empty<(string, string)>() : [("Exchange__KeyFile", "no-such.pem")],
        ];

        var (exitCode, output, _) = await ServerProcess.RunAsync(["check"], settings);

        Assert.Equal(refusal is null ? 0 : 1, exitCode);
        Assert.Contains(refusal ?? "Exchange     TokenExchange at https://idp.example.com/token as files, tokens of at most 00:05:00, 32 at once", output, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_section_is_checked()
    {
        var sections = typeof(ISettings).Assembly.GetTypes().Where(type => type is { IsInterface: false } && type.IsAssignableTo(typeof(ISettings))).Select(type => type.Name);
        var source = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "Commands", $"{nameof(CheckCommand)}.cs"));

        Assert.All(sections, section => Assert.Contains($"Problems<{section}>", source, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        if (Directory.Exists(_storage))
        {
            Directory.Delete(_storage, recursive: true);
        }
    }
}
