using System.Collections.ObjectModel;
using System.Security.Cryptography;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Asks the person before a tool that declares <see cref="AsksHumanAttribute{TQuestion}"/> runs. It stands before all tools, so that none has to think of
/// it. A yes counts for one call: of this person, through this client, of this tool, with these arguments, on this version of what is touched, within two
/// minutes, once. It authorizes nothing: scopes, membership and role are looked at again after it.
/// </summary>
internal sealed class Confirmation(IQuestions questions, IAudit audit, RequestStates states, LimitsOptions limits, TimeProvider time)
{
    /// <summary>How long a person has to answer.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(2);

    private const string NotAnAnswer = "This is no answer to an open question about this call. Nothing was done. Call the tool again without it, and the user is asked anew.";

    public static McpRequestHandler<CallToolRequestParams, CallToolResult> Filter(McpRequestHandler<CallToolRequestParams, CallToolResult> next) =>
        async (request, cancellationToken) =>
        {
            if (Decision.Current(request.Services!).Operation.Asks is not null)
            {
                await request.Services!.GetRequiredService<Confirmation>().RequireAsync(request, cancellationToken);
            }

            return await next(request, cancellationToken);
        };

    /// <summary>Returns when the person has said yes to this call, and it has been recorded.</summary>
    private async Task RequireAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken)
    {
        var decision = Decision.Current(request.Services!);
        var call = request.Params!;
        if (decision.IsLegacy)
        {
            await AskInSessionAsync(request, decision, cancellationToken);
        }
        else if (call.RequestState is null && call.InputResponses is null)
        {
            var (sentence, state) = await OpenAsync(request, decision, cancellationToken);
            throw new InputRequiredException(new Dictionary<string, InputRequest> { [HumanForm.Name] = InputRequest.ForElicitation(HumanForm.Of(sentence)) }, states.Seal(state));
        }
        else
        {
            var state = call.RequestState is null ? null : states.Open(call.RequestState);
            await SettleAsync(request, decision, state, HumanForm.Read(call.InputResponses), cancellationToken);
        }
    }

    /// <summary>An older client is asked while its call waits: through its session, where there are sessions.</summary>
    private async Task AskInSessionAsync(RequestContext<CallToolRequestParams> request, Decision decision, CancellationToken cancellationToken)
    {
        if (decision.Session is null)
        {
            await RecordAsync(decision, "refused", "no_session");
            throw new ProblemException(
                "This asks the user before it does anything, and this client cannot be asked here. Use a client that speaks MCP 2026-07-28 with elicitation, "
                + "or have the operator set Mcp:Sessions to Hybrid.");
        }

        if (request.Server.ClientCapabilities?.Elicitation is not { } elicitation || (elicitation.Form is null && elicitation.Url is not null))
        {
            await RecordAsync(decision, "refused", "elicitation_not_declared");
            throw new MissingRequiredClientCapabilityException(
                new ClientCapabilities { Elicitation = new ElicitationCapability { Form = new FormElicitationCapability() } },
                "This asks the user before it does anything, and the client has not declared that it can (elicitation). Use a client that can.");
        }

        var (sentence, state) = await OpenAsync(request, decision, cancellationToken);
        var answer = await AnswerAsync(request.Server, decision, sentence, cancellationToken);
        await SettleAsync(request, decision, state, answer, cancellationToken);
    }

    /// <summary>Asks and waits. What is not an answer in time is none.</summary>
    private static async Task<HumanAnswer> AnswerAsync(McpServer server, Decision decision, Sentence sentence, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, decision.Aborted);
        limit.CancelAfter(Lifetime);
        var id = decision.Session!.Ask(decision.Operation);
        try
        {
            var answer = await server.SendRequestAsync(
                new JsonRpcRequest
                {
                    Id = new RequestId(id),
                    Method = RequestMethods.ElicitationCreate,
                    Params = JsonSerializer.SerializeToNode(HumanForm.Of(sentence), McpJsonUtilities.DefaultOptions),
                },
                limit.Token);
            return HumanForm.Read(JsonSerializer.SerializeToElement(answer.Result));
        }
        catch (Exception e) when (e is McpException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // The client answered with an error, or not at all.
            return HumanAnswer.None;
        }
        finally
        {
            decision.Session.End(id);
        }
    }

    /// <summary>Builds the question, keeps it as open, and records that it is asked.</summary>
    private async Task<(Sentence Sentence, RequestState State)> OpenAsync(RequestContext<CallToolRequestParams> request, Decision decision, CancellationToken cancellationToken)
    {
        var question = await BuildAsync(request, decision, cancellationToken);
        var (caller, tool, now) = (decision.Caller, decision.Operation.Target!, time.GetUtcNow());
        var open = new OpenQuestion
        {
            Id = RandomNumberGenerator.GetHexString(32, lowercase: true),
            Issuer = caller.Issuer,
            Subject = caller.Subject,
            Client = caller.Client,
            Tool = tool,
            AskedAt = now,
            ExpiresAt = now + Lifetime,
        };
        if (!await questions.TryOpenAsync(open, limits.OpenQuestions, cancellationToken))
        {
            await RecordAsync(decision, "refused", "too_many_open_questions");
            throw new ProblemException("Too many questions wait for this user's answer. Answer them, or let them pass, and try again.");
        }

        await RecordAsync(decision, "asked", "confirmation_needed");
        return (question.Sentence, new RequestState(
            open.Id, open.ExpiresAt.ToUnixTimeSeconds(), caller.Issuer, caller.Subject, caller.Client, tool, ArgumentsDigest(request.Params!), VersionDigest(question)));
    }

    /// <summary>
    /// The rule: whatever is wrong with state or answer, nothing is done. The question is closed before the answer is looked at, so that it counts once,
    /// whatever it says, however many come at the same time.
    /// </summary>
    private async Task SettleAsync(
        RequestContext<CallToolRequestParams> request, Decision decision, RequestState? state, HumanAnswer answer, CancellationToken cancellationToken)
    {
        var fault =
            state is null ? "state_not_ours"
            : !state.IsOf(decision.Caller, decision.Operation.Target!) ? "state_of_another"
            : state.Expires <= time.GetUtcNow().ToUnixTimeSeconds() ? "too_late"
            : !await questions.TryCloseAsync(state.Question, cancellationToken) ? "answered_already"
            : state.Arguments != ArgumentsDigest(request.Params!) ? "arguments_changed"
            : answer == HumanAnswer.None ? "not_an_answer"
            : null;
        if (fault is not null)
        {
            await RecordAsync(decision, "refused", fault);
            throw decision.IsLegacy ? new ProblemException("The user gave no answer. Nothing was done.") : new McpProtocolException(NotAnAnswer, McpErrorCode.InvalidParams);
        }

        if (answer != HumanAnswer.Accepted)
        {
            await RecordAsync(decision, answer == HumanAnswer.Declined ? "declined" : "cancelled", "answered");
            throw new ProblemException(answer == HumanAnswer.Declined ? "The user was asked and said no. Nothing was done." : "The user was asked and gave no answer. Nothing was done.");
        }

        if (VersionDigest(await RebuildAsync(request, decision, cancellationToken)) != state!.Version)
        {
            await RecordAsync(decision, "refused", "changed_since");
            throw new ProblemException("What the user was asked about has changed since. Nothing was done. Call the tool again, and the user is asked anew.");
        }

        await RecordAsync(decision, "accepted", "answered");
    }

    private async Task<Question> RebuildAsync(RequestContext<CallToolRequestParams> request, Decision decision, CancellationToken cancellationToken)
    {
        try
        {
            return await BuildAsync(request, decision, cancellationToken);
        }
        catch (ProblemException)
        {
            await RecordAsync(decision, "refused", "not_allowed_any_more");
            throw;
        }
    }

    private static Task<Question> BuildAsync(RequestContext<CallToolRequestParams> request, Decision decision, CancellationToken cancellationToken)
    {
        var question = (IQuestion)ActivatorUtilities.CreateInstance(request.Services!, decision.Operation.Asks!.Question);
        return question.BuildAsync(new ReadOnlyDictionary<string, JsonElement>(request.Params!.Arguments ?? new Dictionary<string, JsonElement>()), cancellationToken);
    }

    private static string ArgumentsDigest(CallToolRequestParams call) => CanonicalJson.Digest(call.Arguments ?? new Dictionary<string, JsonElement>());

    /// <summary>The sentence counts too: what the person has read is what is done.</summary>
    private static string VersionDigest(Question question) => CanonicalJson.Digest(question.Sentence.ToString(), question.Version);

    private Task<long> RecordAsync(Decision decision, string what, string reason) =>
        audit.RecordAsync(decision.Outcome.Following("confirmation", what, reason), CancellationToken.None);
}
