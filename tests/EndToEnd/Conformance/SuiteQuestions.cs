using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Auth;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tests.EndToEnd.Conformance;

/// <summary>
/// What the conformance suite wants a client to be asked, of every kind that the protocol has. The product's own question is a yes or no about a call; these stand where it stands,
/// in a filter before the tools, and go the same ways: a second round of the call, and for an older client a request in its session that the gateway expects the answer to.
/// </summary>
internal static class SuiteQuestions
{
    public const string Prompt = "test_input_required_result_prompt";

    private const string Name = """{"method":"elicitation/create","params":{"message":"What is your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}}""";
    private const string Confirm = """{"method":"elicitation/create","params":{"message":"Please confirm","requestedSchema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}}}""";
    private const string Color = """{"method":"elicitation/create","params":{"message":"Your favorite color?","requestedSchema":{"type":"object","properties":{"color":{"type":"string"}},"required":["color"]}}}""";
    private const string Context = """{"method":"elicitation/create","params":{"message":"What context?","requestedSchema":{"type":"object","properties":{"context":{"type":"string"}},"required":["context"]}}}""";
    private const string Capital = """{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"What is the capital of France?"}}],"maxTokens":100}}""";
    private const string Roots = """{"method":"roots/list","params":{}}""";

    private const string Person =
        """
        {"method":"elicitation/create","params":{"message":"Who are you?","requestedSchema":{"type":"object",
          "properties":{"username":{"type":"string"},"email":{"type":"string"}},"required":["username","email"]}}}
        """;

    /// <summary>One of each type, with a default (SEP-1034).</summary>
    private const string Defaults =
        """
        {"method":"elicitation/create","params":{"message":"Is this right?","requestedSchema":{"type":"object","properties":{
          "name":{"type":"string","default":"John Doe"},
          "age":{"type":"integer","default":30},
          "score":{"type":"number","default":95.5},
          "status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},
          "verified":{"type":"boolean","default":true}}}}}
        """;

    /// <summary>Every form of a choice (SEP-1330).</summary>
    private const string Choices =
        """
        {"method":"elicitation/create","params":{"message":"Which?","requestedSchema":{"type":"object","properties":{
          "untitledSingle":{"type":"string","enum":["option1","option2","option3"]},
          "titledSingle":{"type":"string","oneOf":[{"const":"value1","title":"First Option"},{"const":"value2","title":"Second Option"},{"const":"value3","title":"Third Option"}]},
          "legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],"enumNames":["Option One","Option Two","Option Three"]},
          "untitledMulti":{"type":"array","items":{"type":"string","enum":["option1","option2","option3"]}},
          "titledMulti":{"type":"array","items":{"anyOf":[{"const":"value1","title":"First Choice"},{"const":"value2","title":"Second Choice"},{"const":"value3","title":"Third Choice"}]}}}}}}
        """;

    /// <summary>For each tool or prompt its rounds, and the questions of each.</summary>
    private static readonly Dictionary<string, (string Key, string Question)[][]> Rounds = new()
    {
        ["test_sampling"] = [[("model", Capital)]],
        ["test_elicitation"] = [[("person", Person)]],
        ["test_elicitation_sep1034_defaults"] = [[("form", Defaults)]],
        ["test_elicitation_sep1330_enums"] = [[("form", Choices)]],
        ["test_missing_capability"] = [[("model", Capital)]],
        ["test_streaming_elicitation"] = [[("confirm", Confirm)]],
        ["test_input_required_result_elicitation"] = [[("user_name", Name)]],
        ["test_input_required_result_sampling"] = [[("capital_question", Capital)]],
        ["test_input_required_result_list_roots"] = [[("client_roots", Roots)]],
        ["test_input_required_result_request_state"] = [[("confirm", Confirm)]],
        ["test_input_required_result_multiple_inputs"] = [[("user_name", Name), ("greeting", Capital), ("client_roots", Roots)]],
        ["test_input_required_result_multi_round"] = [[("step1", Name)], [("step2", Color)]],
        ["test_input_required_result_tampered_state"] = [[("confirm", Confirm)]],
        ["test_input_required_result_capabilities"] = [[("user_name", Name), ("capital_question", Capital)]],
        [Prompt] = [[("user_context", Context)]],
    };

    /// <summary>Tools that do nothing but have their questions asked.</summary>
    public static IEnumerable<string> ToolsWithoutArguments => Rounds.Keys.Except([Prompt, "test_sampling", "test_elicitation"]);

    public static void AddTo(IServiceCollection services) => services.Configure<McpServerOptions>(options =>
    {
        var filters = options.Filters.Request;
        // Behind the product's own question, and before the deadline of the tool and what holds it to its results.
        filters.CallToolFilters.Insert(filters.CallToolFilters.Count - 2, next => async (request, cancellationToken) =>
        {
            await AskAsync(request, request.Params!.Name, (request.Params.RequestState, request.Params.InputResponses), cancellationToken);
            return await next(request, cancellationToken);
        });
        filters.GetPromptFilters.Add(next => async (request, cancellationToken) =>
        {
            await AskAsync(request, request.Params!.Name, (request.Params.RequestState, request.Params.InputResponses), cancellationToken);
            return await next(request, cancellationToken);
        });
    });

    /// <summary>Returns when everything has been answered.</summary>
    private static async Task AskAsync(MessageContext request, string name, (string? State, IDictionary<string, InputResponse>? Responses) given, CancellationToken cancellationToken)
    {
        if (!Rounds.TryGetValue(name, out var rounds))
        {
            return;
        }

        var decision = Decision.Current(request.Services!);
        if (decision.Session is not null)
        {
            foreach (var (_, question) in rounds.SelectMany(round => round))
            {
                await AskInSessionAsync(request.Server, decision, Read(question), cancellationToken);
            }

            return;
        }

        var states = request.Services!.GetRequiredService<IDataProtectionProvider>().CreateProtector(nameof(SuiteQuestions), name);
        var done = given.State is null ? 0 : Open(states, given.State);
        var asked = Askable(rounds[done], request.Server.ClientCapabilities);
        if (asked.Keys.All(key => given.Responses?.TryGetValue(key, out var response) == true && response?.RawValue.ValueKind == JsonValueKind.Object))
        {
            if (++done == rounds.Length)
            {
                return;
            }

            asked = Askable(rounds[done], request.Server.ClientCapabilities);
        }

        throw new InputRequiredException(asked, states.Protect($"{done}"));
    }

    private static async Task AskInSessionAsync(McpServer server, Decision decision, InputRequest question, CancellationToken cancellationToken)
    {
        var id = decision.Session!.Ask(decision.Operation);
        try
        {
            await server.SendRequestAsync(new JsonRpcRequest { Id = new RequestId(id), Method = question.Method, Params = JsonObject.Create(question.Params!.Value) }, cancellationToken);
        }
        finally
        {
            decision.Session.End(id);
        }
    }

    /// <summary>Those that the client has declared it can answer.</summary>
    private static Dictionary<string, InputRequest> Askable((string Key, string Question)[] round, ClientCapabilities? client)
    {
        var declared = JsonSerializer.SerializeToNode(client ?? new ClientCapabilities(), McpJsonUtilities.DefaultOptions)!.AsObject();
        var questions = round.ToDictionary(question => question.Key, question => Read(question.Question));
        var askable = questions.Where(question => declared.ContainsKey(Capability(question.Value))).ToDictionary();
        return askable.Count > 0 ? askable : throw new MissingRequiredClientCapabilityException(
            new JsonObject { [Capability(questions.Values.First())] = new JsonObject() }.Deserialize<ClientCapabilities>(McpJsonUtilities.DefaultOptions)!, "The client cannot be asked this.");
    }

    private static string Capability(InputRequest question) => question.Method.Split('/')[0];

    private static InputRequest Read(string question) => JsonSerializer.Deserialize<InputRequest>(question, McpJsonUtilities.DefaultOptions)!;

    private static int Open(IDataProtector states, string state)
    {
        try
        {
            return int.Parse(states.Unprotect(state), System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (CryptographicException)
        {
            throw new McpProtocolException("This is no state that this server gave.", McpErrorCode.InvalidParams);
        }
    }
}
