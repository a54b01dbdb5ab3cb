using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpFilesServer.Tests.Dev;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>The whole loop on one machine: a person ends something in a real browser, and the server knows it with the next request.</summary>
public sealed class SignOutTests
{
    private const string Scopes = "files:read projects:read offline_access";

    [Theory]
    [InlineData("Disconnect")]
    [InlineData("Sign out")]
    public async Task What_alice_ends_in_her_browser_is_dead_with_the_next_request_and_nothing_else_is(string button)
    {
        using var chromium = Chromium.Start();
        var server = await Server.StartAsync();
        try
        {
            var ended = await ConnectAsync(chromium, server, "Notes", signIn: true);
            var other = button == "Disconnect" ? await ConnectAsync(chromium, server, "Mail", signIn: false) : await server.Tokens.OfAsync("alice", "files:read projects:read");
            var bob = await server.Tokens.OfAsync("bob", "files:read projects:read");
            foreach (var token in (string[])[ended, other, bob])
            {
                Assert.Equal(HttpStatusCode.OK, await CallAsync(server, token));
            }

            await using var stream = await Listening.OpenAsync(server, ended, "project://welcome/readme.md");
            chromium.Open(server.Provider);
            chromium.Press(button, of: button == "Disconnect" ? "Notes" : null);
            Assert.Contains(button == "Disconnect" ? "Disconnected." : "You are signed out", chromium.Words, StringComparison.Ordinal);

            // On the connection that has been used all along, and on a new one.
            var sinceEnd = Stopwatch.StartNew();
            Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync(server, ended));
            using (var another = new HttpClient())
            {
                using var request = Message.Call("list_projects", new { }).ToRequest(new Uri(server.Resource), ended);
                using var answer = await another.SendAsync(request, TestContext.Current.CancellationToken);
                Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
                Assert.Contains("invalid_token", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            }

            while (!stream.Ended && sinceEnd.Elapsed < TimeSpan.FromSeconds(8))
            {
                _ = await stream.NextAsync(0.5);
            }

            Assert.True(stream.Ended, "The stream is still open.");
            Assert.Equal(HttpStatusCode.OK, await CallAsync(server, other));
            Assert.Equal(HttpStatusCode.OK, await CallAsync(server, bob));

            server = await server.RestartAsync();

            Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync(server, ended));
            Assert.Equal(HttpStatusCode.OK, await CallAsync(server, other));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<HttpStatusCode> CallAsync(Server server, string token) => (await server.CallAsync(token, "list_projects", new { })).Status;

    /// <summary>A client registers and sends the browser to the provider; the person allows it; the client redeems the code.</summary>
    private static async Task<string> ConnectAsync(Chromium chromium, Server server, string name, bool signIn)
    {
        // Nothing is served there; the code is read off the address.
        var callback = new Uri(server.Url, "/callback").AbsoluteUri;
        using var registered = await server.Http.PostAsJsonAsync(
            new Uri(server.Provider, "register"), new { redirect_uris = new[] { callback }, client_name = name, token_endpoint_auth_method = "none" }, TestContext.Current.CancellationToken);
        var client = (await registered.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("client_id").GetString()!;
        chromium.Open(new Uri(server.Provider, Browser.Request(client, ("redirect_uri", callback), ("resource", server.Resource), ("scope", Scopes))));
        if (signIn)
        {
            chromium.Press("Continue as alice");
        }

        chromium.Press("Allow");
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["client_id"] = client,
            ["code"] = Browser.Parameters(chromium.Url)["code"],
            ["code_verifier"] = Browser.Verifier,
            ["redirect_uri"] = callback,
            ["resource"] = server.Resource,
        });
        using var redeemed = await server.Http.PostAsync(new Uri(server.Provider, "token"), form, TestContext.Current.CancellationToken);
        return (await redeemed.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("access_token").GetString()!;
    }
}
