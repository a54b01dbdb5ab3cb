using System.Diagnostics.CodeAnalysis;

namespace McpFilesServer.Data;

/// <summary>One downstream API that a fork of this server calls: what <c>[Downstream("NAME", …)]</c> on a tool names.</summary>
internal sealed class DownstreamApi
{
    /// <summary>The versioned root. Nothing else is ever called.</summary>
    public string BaseUrl { get; set; } = "";

    /// <summary>The full names of the scopes that this server may exchange a caller's token for.</summary>
    public IList<string> Scopes { get; set; } = [];

    /// <summary>What the API is called at the issuer: a token that names another audience is not used.</summary>
    public string? Audience { get; set; }
}

/// <summary>Section <c>Downstream</c>: APIs beside Microsoft Graph.</summary>
internal sealed class DownstreamOptions : ISettings
{
    public static string Section => "Downstream";

    /// <summary>The APIs by their names.</summary>
    public IDictionary<string, DownstreamApi> Apis { get; set; } = new Dictionary<string, DownstreamApi>(StringComparer.OrdinalIgnoreCase);

    public IEnumerable<string> Problems(IHostEnvironment environment)
    {
        foreach (var (name, api) in Apis)
        {
            if (!Uri.TryCreate(api.BaseUrl, UriKind.Absolute, out var url) || url.Query.Length > 0 || url.UserInfo.Length > 0 || (url.Scheme != "https" && !(environment.IsDevelopment() && url.IsLoopback)))
            {
                yield return $"Downstream:Apis:{name}:BaseUrl '{api.BaseUrl}' must be an https URL (plain http is for a loopback address in Development).";
            }
        }
    }
}

/// <summary>A downstream API's client: one for each API, with its own address and limits, and no way to anywhere else.</summary>
internal static class Downstream
{
    /// <summary>
    /// Registers the typed client of a downstream API. It puts <see cref="IDownstreamToken"/> into each request itself, because that is the running call's
    /// and a client's handlers are shared by calls.
    /// </summary>
    /// <typeparam name="TClient">Takes an <see cref="HttpClient"/> and an <see cref="IDownstreamToken"/>.</typeparam>
    /// <param name="services">Where to.</param>
    /// <param name="name">The API's name in <c>Downstream:Apis</c>, and in the declarations of tools.</param>
    public static IServiceCollection AddDownstream<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TClient>(this IServiceCollection services, string name)
        where TClient : class
    {
        services.AddHttpClient<TClient>((provider, client) =>
            {
                client.BaseAddress = new Uri(provider.GetRequiredService<DownstreamOptions>().Apis[name].BaseUrl.TrimEnd('/') + "/");
                client.Timeout = TimeSpan.FromSeconds(10);
                client.MaxResponseContentBufferSize = 1024 * 1024;
            })
            // A redirect would carry the token to wherever the answer says.
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        return services;
    }
}
