using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Streams that tell a client when a resource has changed. Each looks at its resources about once a second, as the caller: so it sees what other programs
/// change, too, and whoever loses his membership hears no more. A look gives at most one message for each resource, and the next one begins when the
/// client has taken them: a slow reader costs nothing but his own news.
/// </summary>
internal static class Subscriptions
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Serves <c>subscriptions/listen</c> until the client, the token or the server ends it. The gateway has read the URIs and asked for their scopes.</summary>
    [RequiresScope(Scopes.FilesRead)]
    public static async ValueTask<EmptyResult> ListenAsync(RequestContext<SubscriptionsListenRequestParams> request, CancellationToken cancellationToken)
    {
        var services = request.Services!;
        var uris = (request.Params!.Notifications.ResourceSubscriptions ?? []).Where(uri => ProjectUri.Read(uri) is not null).Distinct(StringComparer.Ordinal).ToList();
        var watched = new WatchedResources(services.GetRequiredService<Places>(), services.GetRequiredService<Caller>(), uris);
        // Before the acknowledgement: whatever changes after it is news.
        await watched.LookAsync(cancellationToken);
        await AcknowledgeAsync(request, uris, cancellationToken);

        // No stream outlives its token, nor holds up the end of the server; and one that cannot bring anything is not held open.
        var time = services.GetRequiredService<TimeProvider>();
        var left = services.GetRequiredService<Caller>().ExpiresAt - time.GetUtcNow();
        using var expiry = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, expiry.Token, services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        try
        {
            while (uris.Count > 0)
            {
                await Task.Delay(Interval, time, ends.Token);
                foreach (var uri in await watched.LookAsync(ends.Token))
                {
                    await SendAsync(request, NotificationMethods.ResourceUpdatedNotification, new ResourceUpdatedNotificationParams { Uri = uri }, ends.Token);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The last message is the answer to the request, which says that this is all.
        }

        return new EmptyResult();
    }

    /// <summary>What the stream will bring. A foreign or missing resource stands there like any other: that nothing comes of it says nothing.</summary>
    private static Task AcknowledgeAsync(RequestContext<SubscriptionsListenRequestParams> request, List<string> uris, CancellationToken cancellationToken) => SendAsync(
        request, NotificationMethods.SubscriptionsAcknowledgedNotification,
        new SubscriptionsAcknowledgedNotificationParams { Notifications = new SubscriptionsListenNotifications { ResourceSubscriptions = uris.Count > 0 ? uris : null } },
        cancellationToken);

    /// <summary>Every message of the stream carries the id of the request that opened it.</summary>
    private static Task SendAsync<T>(RequestContext<SubscriptionsListenRequestParams> request, string method, T parameters, CancellationToken cancellationToken)
    {
        var node = JsonSerializer.SerializeToNode(parameters, McpJsonUtilities.DefaultOptions)!.AsObject();
        node["_meta"] = new JsonObject { [MetaKeys.SubscriptionId] = JsonSerializer.SerializeToNode(request.JsonRpcRequest.Id, McpJsonUtilities.DefaultOptions) };
        return request.Server.SendMessageAsync(new JsonRpcNotification { Method = method, Params = node }, cancellationToken);
    }
}
