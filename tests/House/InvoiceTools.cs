using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Net.Http.Headers;
using System.Text.Json;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>Invoices: files of a project that go to the accounting.</summary>
internal sealed class InvoiceTools(Places places, Files files, Accounting accounting, Caller caller)
{
    [McpServerTool(Name = "send_invoice", Title = "Send an invoice", ReadOnly = false, Destructive = true, Idempotent = false, OpenWorld = true, UseStructuredContent = true)]
    [RequiresScope(Scopes.FilesRead)]
    [Downstream("Accounting", "Invoices.Send")]
    [AsksHuman<SendInvoiceQuestion>]
    [Description("Sends a file of a project to the accounting as an invoice. The user is asked first. It cannot be called back.")]
    public async Task<SentInvoice> SendInvoiceAsync(
        [Description(Arguments.Project), StringLength(64, MinimumLength = 1)] string project,
        [Description(Arguments.FilePath)] string path,
        CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, project, null, Roles.ChangeFiles, cancellationToken);
        using var file = files.OpenToExport(place, path);
        return await accounting.SendAsync(file, cancellationToken);
    }
}

/// <summary>What the accounting made of an invoice.</summary>
/// <param name="Number">The number that it has there.</param>
internal sealed record SentInvoice(string Number);

/// <summary>Asks before an invoice goes out. A yes counts for the version of the file that is there now.</summary>
internal sealed class SendInvoiceQuestion(Places places, Files files, Caller caller) : IQuestion
{
    public async Task<Question> BuildAsync(IReadOnlyDictionary<string, JsonElement> arguments, CancellationToken cancellationToken)
    {
        var place = await places.OpenAsync(caller, arguments["project"].GetString()!, null, Roles.ChangeFiles, cancellationToken);
        var path = arguments["path"].GetString()!;
        using var file = files.OpenToExport(place, path);
        return new Question(
            $"Send the file {place.Path(path).Text} ({file.Entry.Size!.Value} bytes) of the project {place.Project.Title} to the accounting, as an invoice. It cannot be called back.",
            $"{place.Project.Id} {file.Entry.Etag}");
    }
}

/// <summary>The accounting, as the caller himself may use it.</summary>
internal sealed class Accounting(HttpClient http, IDownstreamToken token)
{
    /// <exception cref="ProblemException">It did not take the invoice, or answered with something else than a number.</exception>
    public async Task<SentInvoice> SendAsync(OpenedFile invoice, CancellationToken cancellationToken)
    {
        using var content = new StreamContent(invoice.AsStream());
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("invoices", UriKind.Relative)) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.DownstreamToken);
        using var response = await http.SendAsync(request, cancellationToken);
        var sent = response.IsSuccessStatusCode
            ? JsonSerializer.Deserialize<SentInvoice>(await response.Content.ReadAsStringAsync(cancellationToken), JsonSerializerOptions.Web)
            : null;
        // What came from elsewhere is bounded, and has nothing in it that nobody sees.
        return sent is { Number.Length: > 0 and <= 40 }
            ? new SentInvoice(VisibleText.Of(sent.Number, out _))
            : throw new ProblemException("The accounting did not take the invoice. Try again in a minute.");
    }
}
