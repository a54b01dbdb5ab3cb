using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Auth;

/// <summary>Something that a caller can ask of this server, and what it takes.</summary>
/// <param name="Method">The JSON-RPC method.</param>
/// <param name="Target">The tool, prompt or resource, as it was declared; null for the methods of the protocol itself.</param>
/// <param name="Scopes">All scopes it takes. Empty for the methods of the protocol itself, which a valid token suffices for.</param>
/// <param name="Downstream">The downstream API that it calls on behalf of the caller, if any.</param>
internal sealed record Operation(string Method, string? Target, IReadOnlyList<string> Scopes, DownstreamAttribute? Downstream)
{
    /// <summary>The question that the person is asked before it runs; null when it asks nothing.</summary>
    public AsksHumanAttribute? Asks { get; init; }
}

/// <summary>
/// The map of everything that can be asked of this server: every tool, prompt and resource with the scopes it declared, and the
/// methods of the protocol. What is not on it is refused. It is made once at start, which fails when something declared nothing.
/// </summary>
internal sealed class Surface
{
    /// <summary>The most resources that one stream can be subscribed to.</summary>
    public const int MaxSubscriptions = 50;

    private const string LoggingSetLevel = "logging/setLevel";

    /// <summary>What a client needs to talk to the server at all. A valid token suffices; none of it reads or changes anybody's data.</summary>
    private static readonly string[] Protocol =
    [
        RequestMethods.Initialize, RequestMethods.Ping, RequestMethods.ServerDiscover,
        RequestMethods.ToolsList, RequestMethods.PromptsList, RequestMethods.ResourcesList, RequestMethods.ResourcesTemplatesList,
        NotificationMethods.InitializedNotification, NotificationMethods.CancelledNotification,
        NotificationMethods.ProgressNotification, "notifications/roots/list_changed",
    ];

    /// <summary>What an older client does with DELETE.</summary>
    public static readonly Operation EndOfSession = new("session/end", null, [], null);

    private readonly FrozenDictionary<string, Operation> _tools;
    private readonly FrozenDictionary<string, Operation> _prompts;
    private readonly IReadOnlyList<(McpServerResource Resource, Operation Operation)> _resources;
    private readonly FrozenDictionary<string, Operation> _methods;
    private readonly FrozenDictionary<CompletionTarget, Operation> _completions;

    /// <exception cref="SettingsException">A tool, prompt, resource or handler declares no scope, or one that is not in <see cref="Scopes"/>.</exception>
    public Surface(
        IEnumerable<McpServerTool> tools, IEnumerable<McpServerPrompt> prompts, IEnumerable<McpServerResource> resources, AuthOptions auth, IOptions<McpServerOptions>? server = null)
    {
        (prompts, resources) = (prompts.ToList(), resources.ToList());
        _tools = Declared(tools, RequestMethods.ToolsCall, tool => tool.ProtocolTool.Name);
        _prompts = Declared(prompts, RequestMethods.PromptsGet, prompt => prompt.ProtocolPrompt.Name);
        // As the SDK does: an exact URI goes before a template.
        _resources =
        [
            .. resources.OrderBy(resource => resource.IsTemplated)
                .Select(resource => (resource, Declaration(RequestMethods.ResourcesRead, resource.ProtocolResourceTemplate.UriTemplate, resource.Metadata))),
        ];
        _methods = Protocol.ToDictionary(method => method, method => new Operation(method, null, [], null))
            .Concat(Handled(server?.Value.Handlers ?? new McpServerHandlers()))
            .GroupBy(entry => entry.Key).ToFrozenDictionary(same => same.Key, same => same.Last().Value);
        _completions = prompts.SelectMany(prompt => Completable(CompletionTarget.Prompt, prompt.ProtocolPrompt.Name, prompt.Metadata))
            .Concat(resources.SelectMany(resource => Completable(CompletionTarget.Resource, resource.ProtocolResourceTemplate.UriTemplate, resource.Metadata)))
            .ToFrozenDictionary();
        PolicyVersion = Version(auth);
    }

    /// <summary>All operations on tools, prompts and resources, in the order of their names.</summary>
    public IEnumerable<Operation> Operations =>
        _tools.Values.Concat(_prompts.Values).Concat(_resources.Select(resource => resource.Operation))
            .OrderBy(operation => operation.Method, StringComparer.Ordinal).ThenBy(operation => operation.Target, StringComparer.Ordinal);

    /// <summary>A hash over what is declared (scopes, downstream APIs, questions) and the allowed clients, which together are the policy. It stands in every audit record.</summary>
    public string PolicyVersion { get; }

    /// <summary>Finds what a message asks for. Names are compared exactly.</summary>
    /// <returns>The operation; or null and the refusal.</returns>
    public Operation? Find(Envelope message, bool legacy, out Refusal? refusal)
    {
        var method = message.Method!;
        if (!IsServed(method, legacy))
        {
            refusal = Refusal.UnknownMethod(legacy);
            return null;
        }

        if (method == RequestMethods.SubscriptionsListen && message.Subscriptions is not { Count: <= MaxSubscriptions })
        {
            refusal = Refusal.InvalidParams($"The params must have notifications; its resourceSubscriptions is a list of at most {MaxSubscriptions} URIs.");
            return null;
        }

        var operation = method switch
        {
            RequestMethods.ToolsCall => _tools.GetValueOrDefault(message.Target!),
            RequestMethods.PromptsGet => _prompts.GetValueOrDefault(message.Target!),
            RequestMethods.ResourcesRead => Resource(message.Target!),
            RequestMethods.CompletionComplete => _completions.GetValueOrDefault(message.Completes!),
            RequestMethods.SubscriptionsListen => Listening(method, message.Subscriptions!),
            RequestMethods.ResourcesSubscribe or RequestMethods.ResourcesUnsubscribe => Listening(method, [message.Param("uri") ?? ""]),
            _ => _methods[method],
        };
        refusal = operation is null ? Refusal.UnknownTarget(method) : null;
        return operation;
    }

    private bool IsServed(string method, bool legacy) => method switch
    {
        RequestMethods.ToolsCall or RequestMethods.PromptsGet or RequestMethods.ResourcesRead or RequestMethods.CompletionComplete => true,
        // Older clients have no such streams, and resources/subscribe would need a session.
        RequestMethods.SubscriptionsListen => !legacy && _methods.ContainsKey(method),
        // What 2026-07-28 has done away with.
        RequestMethods.Initialize or RequestMethods.Ping or RequestMethods.ResourcesSubscribe or RequestMethods.ResourcesUnsubscribe or LoggingSetLevel =>
            legacy && _methods.ContainsKey(method),
        _ => _methods.ContainsKey(method),
    };

    private Operation? Resource(string uri) =>
        _resources.FirstOrDefault(entry => entry.Resource.IsMatch(uri)).Operation;

    /// <summary>To hear of a resource takes what it takes to read it.</summary>
    private Operation? Listening(string method, IReadOnlyList<string> uris)
    {
        var resources = uris.Select(Resource).ToList();
        var listen = _methods[method];
        return resources.Contains(null) ? null : listen with { Scopes = [.. listen.Scopes.Union(resources.SelectMany(resource => resource!.Scopes))] };
    }

    /// <summary>Methods of the protocol that this server has handlers of its own for. Their scopes stand on the handlers.</summary>
    private static IEnumerable<KeyValuePair<string, Operation>> Handled(McpServerHandlers handlers) =>
        from handled in ((string Method, Delegate? Handler)[])
        [
            (RequestMethods.ToolsList, handlers.ListToolsHandler),
            (RequestMethods.PromptsList, handlers.ListPromptsHandler),
            (RequestMethods.ResourcesList, handlers.ListResourcesHandler),
            (RequestMethods.ResourcesTemplatesList, handlers.ListResourceTemplatesHandler),
            (RequestMethods.SubscriptionsListen, handlers.SubscriptionsListenHandler),
            (RequestMethods.ResourcesSubscribe, handlers.SubscribeToResourcesHandler),
            (RequestMethods.ResourcesUnsubscribe, handlers.UnsubscribeFromResourcesHandler),
#pragma warning disable MCP9005 // "deprecated", because 2026-07-28 has no such method; a fork that serves it to older clients gets it behind the gateway, too
            (LoggingSetLevel, handlers.SetLoggingLevelHandler),
#pragma warning restore MCP9005
        ]
        where handled.Handler is not null
        select KeyValuePair.Create(
            handled.Method, Declaration(handled.Method, handled.Handler.Method.Name, [.. handled.Handler.Method.GetCustomAttributes()]) with { Target = null });

    private static IEnumerable<KeyValuePair<CompletionTarget, Operation>> Completable(string type, string name, IReadOnlyList<object> metadata) =>
        metadata.OfType<CompletesAttribute>().Select(completes => KeyValuePair.Create(
            new CompletionTarget(type, name, completes.Argument),
            new Operation(RequestMethods.CompletionComplete, $"{name} {completes.Argument}", Known(completes.Scopes, $"{name} {completes.Argument}", RequestMethods.CompletionComplete), null)));

    private static FrozenDictionary<string, Operation> Declared<T>(IEnumerable<T> primitives, string method, Func<T, string> name)
        where T : IMcpServerPrimitive
    {
        var map = new Dictionary<string, Operation>(StringComparer.Ordinal);
        foreach (var primitive in primitives)
        {
            if (!map.TryAdd(name(primitive), Declaration(method, name(primitive), primitive.Metadata)))
            {
                throw new SettingsException($"Two primitives for {method} are called '{name(primitive)}'. The second would shadow the first: rename one.");
            }
        }

        return map.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static Operation Declaration(string method, string target, IReadOnlyList<object> metadata)
    {
        var scopes = metadata.OfType<RequiresScopeAttribute>().SelectMany(attribute => attribute.Scopes).Distinct().ToList();
        return new Operation(method, target, Known(scopes, target, method), metadata.OfType<DownstreamAttribute>().SingleOrDefault())
        {
            Asks = metadata.OfType<AsksHumanAttribute>().SingleOrDefault(),
        };
    }

    private static IReadOnlyList<string> Known(IReadOnlyList<string> scopes, string target, string method)
    {
        if (scopes.Count == 0)
        {
            throw new SettingsException($"'{target}' ({method}) declares no scope. Put [RequiresScope(Scopes.…)] on it: nothing is served without.");
        }

        return scopes.FirstOrDefault(scope => !Scopes.InWords.ContainsKey(scope)) is not { } unknown ? scopes
            : throw new SettingsException($"'{target}' ({method}) declares the scope '{unknown}', which is not in Scopes.InWords. Add it there.");
    }

    private string Version(AuthOptions auth)
    {
        var policy = JsonSerializer.SerializeToUtf8Bytes(new
        {
            operations = Operations.Concat(_completions.Values.Concat(_methods.Values.Where(method => method.Scopes.Count > 0))
                .OrderBy(operation => operation.Method, StringComparer.Ordinal).ThenBy(operation => operation.Target, StringComparer.Ordinal)).Select(operation => new { operation.Method, operation.Target, operation.Scopes, operation.Downstream?.Resource, Downstream = operation.Downstream?.Scopes, Asks = operation.Asks?.Question.Name }),
            clients = auth.AllowedClients.Order(StringComparer.Ordinal),
        });
        return Convert.ToHexStringLower(SHA256.HashData(policy))[..16];
    }
}
