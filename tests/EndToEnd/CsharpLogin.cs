using McpFilesServer.Tests.Host;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using Xunit;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>What a program has to bring to the SDK's client: a name, a place for the answer, and a browser.</summary>
internal sealed class CsharpLogin(ScriptedBrowser browser)
{
    public const string Name = "A client made with the C# SDK";

    /// <summary>On loopback, as RFC 8252 has it; nothing listens there, because the browser hands the answer over.</summary>
    public Uri RedirectUri { get; } = new($"http://127.0.0.1:{Server.FreePort()}/callback");

    /// <summary>The id that the provider gave it.</summary>
    public string ClientId { get; private set; } = "";

    /// <summary>The parameters of the last answer.</summary>
    public IReadOnlyDictionary<string, string> Answer { get; private set; } = new Dictionary<string, string>();

    public HttpClientTransportOptions Options(string resource) => new()
    {
        Endpoint = new Uri(resource),
        OAuth = new ClientOAuthOptions
        {
            RedirectUri = RedirectUri,
            DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = Name, ResponseDelegate = KeepAsync },
            AuthorizationCallbackHandler = AuthorizeAsync,
        },
    };

    private Task KeepAsync(DynamicClientRegistrationResponse registration, CancellationToken cancellationToken)
    {
        ClientId = registration.ClientId;
        return Task.CompletedTask;
    }

    private async Task<AuthorizationResult?> AuthorizeAsync(AuthorizationCallbackContext context, CancellationToken cancellationToken)
    {
        var callback = await browser.VisitAsync(context.AuthorizationUri, cancellationToken);
        Assert.StartsWith(RedirectUri.AbsoluteUri + "?", callback.AbsoluteUri, StringComparison.Ordinal);
        Answer = ScriptedBrowser.Parameters(callback);
        return new AuthorizationResult { Code = Answer.GetValueOrDefault("code"), State = Answer["state"], Iss = Answer["iss"] };
    }
}
