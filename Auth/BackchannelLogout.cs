using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace McpFilesServer.Auth;

/// <summary>
/// Where an issuer says that somebody has signed out (OpenID Connect Back-Channel Logout 1.0 §2.5-2.8): a form with one logout token. It is served when this
/// server is a client of its issuer (<c>Obo:ClientId</c>), and does not exist otherwise.
/// </summary>
internal static class BackchannelLogout
{
    public const string Path = "/backchannel-logout";

    /// <summary>The largest form, in bytes: one token as large as any, and a little beside it.</summary>
    private const int MaxFormBytes = 24 * 1024;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private static readonly FormOptions Form = new() { ValueCountLimit = 16, KeyLengthLimit = 256, ValueLengthLimit = MaxFormBytes, BufferBodyLengthLimit = MaxFormBytes };

    public static void MapBackchannelLogout(this WebApplication app)
    {
        if (LogoutTokens.Audience(app.Configuration) is not null)
        {
            app.MapPost(Path, AnswerAsync);
        }
    }

    private static async Task AnswerAsync(
        HttpContext http, LogoutTokens tokens, IRevocations revocations, IAudit audit, Surface surface, FailedAuthentications failures, ILoggerFactory logs)
    {
        http.Response.Headers.CacheControl = "no-store";
        var verdict = await DecideAsync(http, tokens, revocations, logs);
        var wait = verdict.Status == StatusCodes.Status400BadRequest ? failures.Count(http.Connection.RemoteIpAddress) : null;
        verdict = wait is null ? verdict : verdict with { Status = StatusCodes.Status429TooManyRequests, Reason = "too_many_bad_tokens" };
        await audit.RecordAsync(verdict.Record(http, surface.PolicyVersion), http.RequestAborted);
        await WriteAsync(http.Response, verdict.Status, wait ?? 5);
    }

    private static async Task<Verdict> DecideAsync(HttpContext http, LogoutTokens tokens, IRevocations revocations, ILoggerFactory logs)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        deadline.CancelAfter(Deadline);
        try
        {
            var (logout, reason) = await TokenOf(http, deadline.Token) is { } text ? await tokens.ReadAsync(text, deadline.Token) : (null, "logout_form");
            if (logout is null)
            {
                return new Verdict(StatusCodes.Status400BadRequest, "deny", reason, null);
            }

            // Before it is recorded, not after: a revocation can only take away, so that one which cannot be recorded stands all the same.
            var added = await revocations.AddAsync(logout.Revocations, logout.Once, deadline.Token).WaitAsync(deadline.Token);
            return added ? new Verdict(StatusCodes.Status200OK, "allow", "logged_out", logout)
                : new Verdict(StatusCodes.Status400BadRequest, "deny", "logout_replayed", logout);
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested)
        {
            logs.CreateLogger(typeof(BackchannelLogout)).LogError(e, "A logout could not be taken");
            return new Verdict(StatusCodes.Status503ServiceUnavailable, "error", e is IssuerUnavailableException ? "issuer_unavailable" : "revocations_unavailable", null);
        }
    }

    private static Task WriteAsync(HttpResponse response, int status, int retryAfter)
    {
        response.StatusCode = status;
        if (status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests)
        {
            response.Headers.RetryAfter = retryAfter.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return status == StatusCodes.Status200OK ? Task.CompletedTask
            : response.WriteAsJsonAsync(new { error = status == StatusCodes.Status400BadRequest ? "invalid_request" : "temporarily_unavailable" });
    }

    /// <summary>The one <c>logout_token</c> of the form. Other fields are ignored, as §2.5 says.</summary>
    private static async Task<string?> TokenOf(HttpContext http, CancellationToken cancellationToken)
    {
        var request = http.Request;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            || request.Headers.ContentEncoding.Count > 0 || request.ContentLength > MaxFormBytes)
        {
            return null;
        }

        try
        {
            http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaxFormBytes;
            var form = await request.ReadFormAsync(Form, cancellationToken);
            return form["logout_token"] is [{ Length: > 0 } token] ? token : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return null;
        }
    }

    private sealed record Verdict(int Status, string Decision, string Reason, Logout? Logout)
    {
        public AuditRecord Record(HttpContext http, string policyVersion) => AuditRecord.OfRevocation(Decision, Reason, policyVersion) with
        {
            Address = http.Connection.RemoteIpAddress?.ToString(),
            Issuer = Logout?.Issuer,
            Subject = Logout?.Subject,
            Method = Path,
            Target = Logout is null ? null : string.Join(' ', Logout.Revocations.Select(revocation => revocation.Kind.ToString().ToLowerInvariant())),
        };
    }
}
