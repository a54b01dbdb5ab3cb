using System.Net;
using McpFilesServer.Tests.Dev;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>The pages of the provider in a real browser, with its own idea of cookies, policies, origins and redirects.</summary>
public sealed class BrowserSessionTests
{
    [Fact]
    public async Task Alice_connects_two_clients_in_Chromium_disconnects_one_signs_out_and_the_server_is_told_of_each()
    {
        await using var listener = await LogoutListener.StartAsync();
        await using var provider = await DevServer.StartAsync(settings: ("Mcp:Resource", listener.Resource));
        using var http = new Browser(provider);
        using var chromium = Chromium.Start();

        var notes = await ConnectAsync(chromium, provider, http, listener, "Notes", signIn: true);
        var mail = await ConnectAsync(chromium, provider, http, listener, "Mail", signIn: false);
        await notes.AssertAliveAsync();
        await mail.AssertAliveAsync();

        chromium.Open(new Uri(provider.Issuer));
        Assert.Equal("/authorize/account", chromium.Url.AbsolutePath);
        Assert.Contains("List, read and search files in your projects", chromium.Words, StringComparison.Ordinal);
        chromium.Press("Disconnect", of: "Notes");

        Assert.Contains("Disconnected. The program has to ask you again", chromium.Words, StringComparison.Ordinal);
        Assert.DoesNotContain("Notes", chromium.Words, StringComparison.Ordinal);
        Assert.Contains("Mail", chromium.Words, StringComparison.Ordinal);
        Assert.Equal([notes.Sid], listener.Sessions());
        await notes.AssertEndedAsync();
        Assert.Equal(HttpStatusCode.OK, await provider.ExchangeAsync(mail.AccessToken));

        chromium.Press("Sign out");

        Assert.Contains("You are signed out", chromium.Words, StringComparison.Ordinal);
        Assert.Contains("Who are you today?", chromium.Words, StringComparison.Ordinal);
        Assert.Equal([notes.Sid, mail.Sid], listener.Sessions());
        Assert.All(listener.All, received => Assert.Equal(new JsonWebToken(mail.AccessToken).Subject, received.Token.Subject));
        await mail.AssertEndedAsync();
    }

    /// <summary>A client sends the browser to the provider; the person allows it; the browser brings the code to the client.</summary>
    private static async Task<Connection> ConnectAsync(Chromium chromium, DevServer provider, Browser http, LogoutListener listener, string name, bool signIn)
    {
        // The listener is the client's web server too: any page there will do.
        var callback = listener.Resource.Replace("/mcp", "/callback", StringComparison.Ordinal);
        var client = await provider.RegisterAsync(callback, name);
        chromium.Open(new Uri(provider.Url + Browser.Request(client, ("redirect_uri", callback), ("resource", listener.Resource))));

        if (signIn)
        {
            chromium.Press("Continue as alice");
        }

        Assert.Contains($"Allow {name} to use your files server?", chromium.Words, StringComparison.Ordinal);
        chromium.Press("Allow");

        var answer = Browser.Parameters(chromium.Url);
        Assert.StartsWith(callback, chromium.Url.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal(provider.Issuer, answer["iss"]);
        var (status, body) = await http.RedeemAsync(client, answer["code"], redirectUri: callback);
        Assert.Equal(HttpStatusCode.OK, status);

        return new Connection(provider, http, client, answer["code"], body.GetProperty("access_token").GetString()!, body.GetProperty("refresh_token").GetString()!);
    }
}
