using System.Net;
using McpFilesServer.Tests.Host;
using McpFilesServer.Tools;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>Invoices go out after a yes, as the person who asked, and for nobody else.</summary>
public sealed class InvoiceToolsTests : IAsyncLifetime
{
    private const string Api = "https://accounting.example.com";
    private const string No = """{"confirmation":{"action":"decline"}}""";

    private static readonly object Invoice = new { project = "welcome", path = "shopping-list.txt" };

    private readonly List<(string Bearer, string Text)> _received = [];
    private TestIssuer _accounting = null!;
    private TestIssuer _issuer = null!;
    private Server _server = null!;

    [Fact]
    public async Task After_a_yes_the_accounting_gets_the_file_and_a_token_of_the_person_for_itself()
    {
        var token = await _server.Tokens.OfAsync("alice", "files:read");

        var asked = await _server.SendAsync(token, Rounds.First(Invoice, "send_invoice"));
        Assert.Equal("Send the file “shopping-list.txt” (24 bytes) of the project “Welcome” to the accounting, as an invoice. It cannot be called back.", asked.Sentence());
        Assert.Empty(_received);
        var sent = await _server.SendAsync(token, Rounds.Second(asked.State(), Rounds.Yes, Invoice, "send_invoice"));

        Assert.Equal("2026-17", sent.Structured.GetProperty("number").GetString());
        var (bearer, text) = Assert.Single(_received);
        Assert.Equal("bread\nbutter\napples\ntea\n", text);
        var used = new JsonWebToken(bearer["Bearer ".Length..]);
        Assert.Equal((Tokens.Alice, Api), (used.Subject, Assert.Single(used.Audiences)));
    }

    [Fact]
    public async Task After_a_no_nothing_is_sent()
    {
        var token = await _server.Tokens.OfAsync("alice", "files:read");

        var state = await _server.AskAsync(token, Invoice, "send_invoice");
        var answer = await _server.SendAsync(token, Rounds.Second(state, No, Invoice, "send_invoice"));

        Assert.Equal("The user was asked and said no. Nothing was done.", answer.Failure);
        Assert.Empty(_received);
    }

    [Fact]
    public async Task A_reader_is_not_even_asked()
    {
        var answer = await _server.SendAsync(await _server.Tokens.OfAsync("bob", "files:read"), Rounds.First(Invoice, "send_invoice"));

        Assert.Equal("This takes the role editor in 'welcome'; yours is reader.", answer.Failure);
    }

    [Fact]
    public async Task Without_the_scope_the_client_is_told_which_one_it_takes()
    {
        var answer = await _server.SendAsync(await _server.Tokens.OfAsync("alice", "projects:read"), Rounds.First(Invoice, "send_invoice"));

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Contains("scope=\"files:read\"", answer.Challenge, StringComparison.Ordinal);
    }

    public async ValueTask InitializeAsync()
    {
        // An issuer that exchanges tokens (RFC 8693), and the accounting.
        (_issuer, _accounting) = (await TestIssuer.StartAsync(), await TestIssuer.StartAsync());
        _issuer.Exchange = http => http.Response.WriteAsJsonAsync(new
        {
            access_token = _server.Tokens.Forge(claims => (claims["aud"], claims["scope"]) = (Api, "Invoices.Send")),
            issued_token_type = "urn:ietf:params:oauth:token-type:access_token",
            token_type = "Bearer",
            expires_in = 300,
            scope = $"{Api}/Invoices.Send",
        });
        _accounting.Instead = async http =>
        {
            using var body = new StreamReader(http.Request.Body);
            _received.Add((http.Request.Headers.Authorization.ToString(), await body.ReadToEndAsync()));
            await http.Response.WriteAsJsonAsync(new SentInvoice("2026-17"));
        };
        _server = await Server.StartAsync(
            AddAToolPageTests.InProgram,
            ("Downstream:Apis:Accounting:BaseUrl", $"{_accounting.Url}/v1"), ("Downstream:Apis:Accounting:Audience", Api), ("Downstream:Apis:Accounting:Scopes:0", $"{Api}/Invoices.Send"),
            ("Exchange:Grant", "TokenExchange"), ("Exchange:TokenEndpoint", $"{_issuer.Url}/token"), ("Exchange:ClientSecret", "s"));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _accounting.DisposeAsync();
        await _issuer.DisposeAsync();
    }
}
