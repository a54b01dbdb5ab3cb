using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>A client that somebody has connected, with the tokens it got.</summary>
internal sealed record Connection(DevServer Server, Browser Browser, string Client, string Code, string AccessToken, string RefreshToken)
{
    public string Sid => SidOf(AccessToken);

    /// <summary>This person connects a new client in this browser.</summary>
    public static async Task<Connection> MakeAsync(DevServer server, Browser browser, string user = "alice", string name = "A test", string scope = "files:read", string? client = null)
    {
        client ??= await server.RegisterAsync(name: name);
        var request = Browser.Request(client, ("scope", scope), ("resource", server.Audience));
        var code = (await browser.DecideAsync(await browser.SignInAsync(request, user)))["code"];
        var (status, body) = await browser.RedeemAsync(client, code);
        Assert.Equal(HttpStatusCode.OK, status);

        return new Connection(server, browser, client, code, Text(body, "access_token"), Text(body, "refresh_token"));
    }

    public static string SidOf(string token) => new JsonWebToken(token).GetPayloadValue<string>("sid");

    public async Task<Connection> RefreshAsync()
    {
        var (status, body) = await Browser.RefreshAsync(Client, RefreshToken);
        Assert.Equal(HttpStatusCode.OK, status);

        return this with { AccessToken = Text(body, "access_token"), RefreshToken = Text(body, "refresh_token") };
    }

    public async Task<HttpStatusCode> RevokeAsync(string token, string? client = null) =>
        (await Server.PostAsync("/revoke", ("client_id", client ?? Client), ("token", token))).Status;

    /// <summary>All that the provider can be asked to do with its tokens is done.</summary>
    public async Task AssertAliveAsync()
    {
        Assert.True((await Server.IntrospectAsync(AccessToken)).GetProperty("active").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, await Server.ExchangeAsync(AccessToken));
        await RefreshAsync();
    }

    /// <summary>Nothing is.</summary>
    public async Task AssertEndedAsync()
    {
        Assert.False((await Server.IntrospectAsync(AccessToken)).GetProperty("active").GetBoolean());
        Assert.Equal("invalid_grant", Error(await Server.PostAsync("/token", Server.OnBehalfOf(AccessToken, $"{Server.Issuer}graph/Files.Read"))));
        Assert.Equal("invalid_grant", Error(await Browser.RefreshAsync(Client, RefreshToken)));
        Assert.Equal("invalid_grant", Error(await Browser.RedeemAsync(Client, Code)));
    }

    private static string Error((HttpStatusCode Status, JsonElement Body) answer) => Text(answer.Body, "error");

    private static string Text(JsonElement body, string name) => body.GetProperty(name).GetString()!;
}
