using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpFilesServer.Tests.Dev;

/// <summary>Where a client publishes its document: a web server on this machine that counts who comes. What it answers is up to the test.</summary>
internal sealed class DocumentStub : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<string> _hits = new();

    private DocumentStub(int port)
    {
        Url = $"http://localhost:{port}";
        Answer = context => JsonAsync(context, Document(ClientId));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        _app = builder.Build();
        _app.Run(async context =>
        {
            _hits.Enqueue(context.Request.Path);
            await Answer(context);
        });
    }

    public string Url { get; }

    public string ClientId => $"{Url}/client.json";

    /// <summary>The paths that were asked for.</summary>
    public IReadOnlyList<string> Hits => [.. _hits];

    public Func<HttpContext, Task> Answer { get; set; }

    public static async Task<DocumentStub> StartAsync()
    {
        var stub = new DocumentStub(Host.Server.FreePort());
        await stub._app.StartAsync();

        return stub;
    }

    /// <summary>A good document; values given here replace its own, and null takes a member away.</summary>
    public static JsonObject Document(string clientId, params (string Name, JsonNode? Value)[] changes)
    {
        var document = new JsonObject
        {
            ["client_id"] = clientId,
            ["client_name"] = "A published client",
            ["redirect_uris"] = new JsonArray("http://127.0.0.1:7777/callback"),
            ["token_endpoint_auth_method"] = "none",
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["response_types"] = new JsonArray("code"),
            ["logo_uri"] = "https://example.test/\"><script>alert(1)</script>.png",
        };

        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                document.Remove(name);
            }
            else
            {
                document[name] = value.DeepClone();
            }
        }

        return document;
    }

    public static Task JsonAsync(HttpContext context, JsonObject document) => TextAsync(context, document.ToJsonString());

    public static Task TextAsync(HttpContext context, string text, string type = "application/json")
    {
        context.Response.ContentType = type;

        return context.Response.WriteAsync(text);
    }

    public static Task RedirectAsync(HttpContext context, string location)
    {
        context.Response.StatusCode = (int)HttpStatusCode.Found;
        context.Response.Headers.Location = location;

        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
