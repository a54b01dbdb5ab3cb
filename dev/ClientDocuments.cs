using System.Text.Json;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace McpFilesServer.Dev;

/// <summary>
/// The clients that register by a document of their own. Each becomes a row like any other client, so that codes, refresh tokens, consent, introspection and
/// revocation need not know the difference; the row says until when it is good, and is then read anew. Only the document is kept so, never a verdict on a token.
/// </summary>
internal sealed class ClientDocuments(IServiceScopeFactory scopes, DocumentFetch fetch, TimeProvider time, ILogger<ClientDocuments> logger) : IDisposable
{
    /// <summary>How many clients are kept that nobody has allowed. One that somebody did is kept as long as its consent.</summary>
    public const int MaximumStrangers = 200;

    private const string GoodUntil = "document_good_until";

    private readonly FixedWindowRateLimiter _reads = new(new() { PermitLimit = 30, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 });
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Whether the client is known, and its document need not be read again yet.</summary>
    public async Task<bool> IsGoodAsync(string clientId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var clients = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();

        return await clients.FindByClientIdAsync(clientId, cancellationToken) is { } client
            && (await clients.GetPropertiesAsync(client, cancellationToken)).TryGetValue(GoodUntil, out var until)
            && until.GetDateTimeOffset() > time.GetUtcNow();
    }

    /// <summary>A permit to read one more document. Without a limit, this provider could be used to flood somebody else.</summary>
    public RateLimitLease Permit() => _reads.AttemptAcquire();

    /// <summary>Reads the client's document, and knows the client from then on as it says.</summary>
    /// <returns>Whether the document holds.</returns>
    public async Task<bool> ReadAsync(string clientId, CancellationToken cancellationToken)
    {
        try
        {
            var (document, goodUntil) = await fetch.GetAsync(clientId, cancellationToken);
            await KeepAsync(clientId, document, goodUntil, cancellationToken);

            return true;
        }
        catch (ClientDocumentException e)
        {
            logger.LogWarning("The client document {ClientId} is not taken: {Reason}", clientId, e.Message);

            return false;
        }
    }

    public void Dispose()
    {
        _reads.Dispose();
        _turn.Dispose();
    }

    /// <summary>One after the other: of two browsers that bring the same new client, the second finds the row of the first.</summary>
    private async Task KeepAsync(string clientId, ClientDocument document, DateTimeOffset goodUntil, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);

        try
        {
            await using var scope = scopes.CreateAsyncScope();
            await ForgetStrangersAsync(scope.ServiceProvider.GetRequiredService<Database>(), cancellationToken);

            var descriptor = Clients.Public(clientId, document.Name, document.RedirectUris);
            descriptor.Properties[GoodUntil] = JsonSerializer.SerializeToElement(goodUntil);
            await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().KnowAsync(descriptor, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whoever can publish documents could fill the database with them. What is forgotten here is read again when it is needed.</summary>
    private static async Task ForgetStrangersAsync(Database database, CancellationToken cancellationToken)
    {
        var strangers = database.Set<OpenIddictEntityFrameworkCoreApplication>().Where(client => client.ClientId!.Contains("://") && client.Authorizations.Count == 0);

        if (await strangers.CountAsync(cancellationToken) >= MaximumStrangers)
        {
            await strangers.ExecuteDeleteAsync(cancellationToken);
        }
    }
}

/// <summary>
/// Reads the document of a client whose id is a URL, before OpenIddict looks the client up. Only here, where a browser stands before a request that is complete
/// otherwise: the endpoints behind know a client by its row, and send nothing anywhere.
/// </summary>
internal sealed class DocumentRule(ClientDocuments documents, DevOptions options) : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
    {
        if (!ClientDocument.IsMeant(context.ClientId))
        {
            return;
        }

        if (!ClientDocument.IsUrl(context.ClientId!, options.AllowLoopbackClientDocuments))
        {
            context.Reject(Errors.InvalidClient, PlainErrors.UnknownClient);
        }
        else if (!await documents.IsGoodAsync(context.ClientId!, context.CancellationToken))
        {
            await ReadAsync(context);
        }
    }

    private async Task ReadAsync(ValidateAuthorizationRequestContext context)
    {
        if (!IsComplete(context.Request))
        {
            context.Reject(Errors.InvalidRequest, $"response_type=code, redirect_uri, code_challenge with S256, and resource={options.Resource} must be there before the client's document is read.");
            return;
        }

        using var permit = documents.Permit();

        if (!permit.IsAcquired)
        {
            await Limits.RefuseAsync(context.Transaction.GetHttpRequest()!.HttpContext, permit);
            context.HandleRequest();
        }
        else if (!await documents.ReadAsync(context.ClientId!, context.CancellationToken))
        {
            context.Reject(Errors.InvalidClient, PlainErrors.UnknownClient);
        }
    }

    /// <summary>What every good request has. One without is not worth a fetch.</summary>
    private bool IsComplete(OpenIddictRequest request) =>
        request is { ResponseType: ResponseTypes.Code, RedirectUri: { Length: > 0 } uri, CodeChallenge.Length: > 0, CodeChallengeMethod: CodeChallengeMethods.Sha256, Resources: [var resource] }
        && resource == options.Resource
        && RedirectUris.IsAllowed(uri);
}
