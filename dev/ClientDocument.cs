using System.Text.Json;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpFilesServer.Dev;

/// <summary>Why a client's document was not taken. For the log: the browser hears the same, whatever it was.</summary>
internal sealed class ClientDocumentException(string reason) : Exception(reason);

/// <summary>What a client says of itself in the document that its client id leads to (draft-ietf-oauth-client-id-metadata-document).</summary>
internal sealed record ClientDocument(string Name, IReadOnlyList<string> RedirectUris)
{
    private const int MaximumUrl = 512;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Whether a client id is meant as a URL. Those that are registered here never look so.</summary>
    public static bool IsMeant(string? clientId) => clientId?.Contains("://", StringComparison.Ordinal) is true;

    /// <summary>
    /// §3: https, a path, no user, no fragment, no dot segments. It must be written as it is dialled, so that a number in disguise (0x7f.1, 2130706433), an
    /// upper-case host or an encoded dot is refused; and its host is a name, whose addresses are judged when it is dialled.
    /// </summary>
    /// <param name="clientId">The client id as it was sent.</param>
    /// <param name="allowLoopback">Whether a document may be on this machine, in plain http too.</param>
    public static bool IsUrl(string clientId, bool allowLoopback) =>
        clientId.Length <= MaximumUrl
        && Uri.TryCreate(clientId, UriKind.Absolute, out var uri)
        && uri.AbsoluteUri == clientId
        && uri is { UserInfo: "", Fragment: "", AbsolutePath.Length: > 1 }
        && !clientId.AsSpan().ContainsAny("#@\\")
        && !uri.AbsolutePath.Split('/').Any(segment => Uri.UnescapeDataString(segment) is "." or "..")
        && (IsLoopbackHost(uri.Host)
            ? allowLoopback && uri.Scheme is "https" or "http"
            : uri is { Scheme: "https", HostNameType: UriHostNameType.Dns });

    public static bool IsLoopbackHost(string host) => host is "localhost" or "127.0.0.1" or "[::1]" or "::1";

    /// <summary>The host that vouches for a client, for the consent page; nothing for a client that is registered here.</summary>
    public static string? HostOf(string clientId) => IsMeant(clientId) ? new Uri(clientId).Authority : null;

    /// <summary>Reads a document: strictly, because whatever is taken wrongly here decides where codes are sent.</summary>
    /// <exception cref="ClientDocumentException">It is not the document of a client that this provider serves.</exception>
    public static ClientDocument Read(ReadOnlyMemory<byte> json, string clientId)
    {
        try
        {
            using var parsed = JsonDocument.Parse(json, Strict);

            return Read(parsed.RootElement, clientId);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the second: text that is no Unicode
        {
            throw new ClientDocumentException("it is not JSON, or a member comes twice");
        }
    }

    private static ClientDocument Read(JsonElement root, string clientId)
    {
        Require(root.ValueKind is JsonValueKind.Object, "it is not an object");
        Require(Text(root, "client_id") == clientId, "its client_id is not its own address");
        Require(!root.EnumerateObject().Any(member => member.Name.StartsWith("client_secret", StringComparison.OrdinalIgnoreCase)), "a secret that everybody can read is none (§4.1)");
        Require(!root.TryGetProperty("token_endpoint_auth_method", out _) || Text(root, "token_endpoint_auth_method") == ClientAuthenticationMethods.None, "token_endpoint_auth_method must be none");
        Require(!root.TryGetProperty("grant_types", out _) || Texts(root, "grant_types").Contains(GrantTypes.AuthorizationCode), "grant_types must contain authorization_code");
        Require(!root.TryGetProperty("response_types", out _) || Texts(root, "response_types").Contains(ResponseTypes.Code), "response_types must contain code");

        var uris = Texts(root, "redirect_uris");
        Require(uris.Length is > 0 and <= Clients.MaximumRedirectUris && uris.All(Dev.RedirectUris.IsAllowed), "redirect_uris must be https, or http on a loopback host");

        var name = Text(root, "client_name");
        Require(!string.IsNullOrWhiteSpace(name), "client_name is missing");

        return new ClientDocument(Clients.Plain(name), uris);
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    /// <summary>All of them, or none when one is no string.</summary>
    private static string[] Texts(JsonElement root, string name) =>
        root.TryGetProperty(name, out var list) && list.ValueKind is JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind is JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(item => item.GetString()!)]
            : [];

    private static void Require(bool condition, string reason)
    {
        if (!condition)
        {
            throw new ClientDocumentException(reason);
        }
    }
}
