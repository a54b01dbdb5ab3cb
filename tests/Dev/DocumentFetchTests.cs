using System.Net;
using McpFilesServer.Dev;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>Where the provider lets itself be sent, and where not. Names are resolved by the test.</summary>
public sealed class DocumentFetchTests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.1.2.3")]
    [InlineData("100.64.0.1")]
    [InlineData("100.100.100.200")]
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("168.63.129.16")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.192")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.7")]
    [InlineData("203.0.113.7")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.250")]
    [InlineData("240.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::127.0.0.1")]
    [InlineData("::8.8.8.8")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::ffff:0:127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b::808:808")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:0:4136:e378:8000:63bf:3fff:fdd2")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::")]
    [InlineData("2002:c0a8:101::1")]
    [InlineData("3fff::1")]
    [InlineData("5f00::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    [InlineData("fe80::1%1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public async Task A_name_that_leads_inside_is_not_dialled(string address)
    {
        Assert.False(PublicAddresses.Contain(IPAddress.Parse(address)));

        var asked = 0;
        using var fetch = Fetch((_, _) =>
        {
            asked++;
            // Beside a good one, which would be dialled first.
            return Task.FromResult<IPAddress[]>([IPAddress.Parse("8.8.8.8"), IPAddress.Parse(address)]);
        });

        var refusal = await Assert.ThrowsAsync<ClientDocumentException>(() => fetch.GetAsync("https://client.example.test/client.json", TestContext.Current.CancellationToken));
        Assert.Equal("its host is not on the public internet", refusal.Message);
        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("8.8.8.8")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("2001:4860:4860::8888")]
    [InlineData("2606:4700::1111")]
    public void The_public_internet_is_public(string address) => Assert.True(PublicAddresses.Contain(IPAddress.Parse(address)));

    [Fact]
    public async Task The_address_that_was_judged_is_the_one_that_is_dialled()
    {
        await using var stub = await DocumentStub.StartAsync();
        var answers = new Queue<IPAddress>([IPAddress.Loopback, IPAddress.Parse("169.254.169.254")]);
        using var fetch = Fetch((_, _) => Task.FromResult<IPAddress[]>([answers.Dequeue()]), ("Dev:AllowLoopbackClientDocuments", "true"));

        var (document, _) = await fetch.GetAsync(stub.ClientId, TestContext.Current.CancellationToken);
        Assert.Equal("A published client", document.Name);
        Assert.Single(answers);

        // The next document is resolved anew: no connection is left over from the first.
        await Assert.ThrowsAsync<ClientDocumentException>(() => fetch.GetAsync(stub.ClientId, TestContext.Current.CancellationToken));
        Assert.Single(stub.Hits);
    }

    [Theory]
    [InlineData("http://client.example.test/client.json")]
    [InlineData("HTTPS://client.example.test/client.json")]
    [InlineData("https://client.example.test")]
    [InlineData("https://client.example.test/")]
    [InlineData("https://client.example.test/client.json#")]
    [InlineData("https://client.example.test/client.json#x")]
    [InlineData("https://user@client.example.test/client.json")]
    [InlineData("https://@client.example.test/client.json")]
    [InlineData("https://client.example.test/a/../client.json")]
    [InlineData("https://client.example.test/a/./client.json")]
    [InlineData("https://client.example.test/%2e%2e/client.json")]
    [InlineData("https://client.example.test/a%2fb/%2E/client.json")]
    [InlineData("https://client.example.test\\client.json")]
    [InlineData("https://client.example.test:443/client.json")]
    [InlineData("https://CLIENT.example.test/client.json")]
    [InlineData("https:client.example.test/client.json")]
    [InlineData("https:///client.example.test/client.json")]
    [InlineData(" https://client.example.test/client.json")]
    [InlineData("https://client.example.test/client.json\n")]
    [InlineData("https://8.8.8.8/client.json")]
    [InlineData("https://127.0.0.1/client.json")]
    [InlineData("https://2130706433/client.json")]
    [InlineData("https://0x7f.1/client.json")]
    [InlineData("https://0177.0.0.1/client.json")]
    [InlineData("https://127.1/client.json")]
    [InlineData("https://[::1]/client.json")]
    [InlineData("https://[::ffff:127.0.0.1]/client.json")]
    [InlineData("https://localhost/client.json")]
    [InlineData("ftp://client.example.test/client.json")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://client.example.test/x")]
    public void What_is_no_address_of_a_document_is_not_one(string clientId) => Assert.False(ClientDocument.IsUrl(clientId, allowLoopback: false));

    [Theory]
    [InlineData("https://client.example.test/client.json")]
    [InlineData("https://client.example.test:8443/a/b?c=d")]
    [InlineData("https://xn--bcher-kva.example/client")]
    public void The_address_of_a_document_is_one(string clientId) => Assert.True(ClientDocument.IsUrl(clientId, allowLoopback: false));

    private static DocumentFetch Fetch(Resolve resolve, params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build();
        var environment = new HostingEnvironment { EnvironmentName = Environments.Development, ContentRootPath = Path.GetTempPath() };

        return new DocumentFetch(DevOptions.Read(configuration, environment, new Dictionary<string, string>())!, resolve, TimeProvider.System);
    }
}
