using System.Text.Json.Serialization;

namespace McpFilesServer.Data;

/// <summary>
/// Puts files into the caller's drive: a small one in one request, a larger one in fragments to an address that Graph gives. Either way it gets its name when all
/// of it is there, and never the name of something else. What does not succeed is taken back.
/// </summary>
internal sealed class DriveUploads(Graph graph, Transfers transfers)
{
    /// <summary>The largest file that goes in one request, in bytes.</summary>
    private const int MaxInOneRequest = 1024 * 1024;

    /// <summary>Bytes of a fragment: a multiple of 320 KiB, as Graph wants it.</summary>
    private const long Fragment = 10 * 320 * 1024;

    /// <summary>Sends a file.</summary>
    /// <exception cref="ProblemException">There is already something, or Graph or its storage refused or failed.</exception>
    public async Task<DriveEntry> SendAsync(OpenedFile file, DrivePath path, CancellationToken cancellationToken)
    {
        var size = file.Entry.Size!.Value;
        if (size > MaxInOneRequest)
        {
            return (await SendInFragmentsAsync(file, size, path, cancellationToken)).At(path);
        }

        using var content = new FilePart(file, 0, size);
        var made = await graph.SendAsync<DriveItem>(HttpMethod.Put, $"{path.Address("content")}?@microsoft.graph.conflictBehavior=fail", content, path.What, cancellationToken);
        return made.At(path);
    }

    private async Task<DriveItem> SendInFragmentsAsync(OpenedFile file, long size, DrivePath path, CancellationToken cancellationToken)
    {
        using var asked = JsonContent.Create(new { item = new Dictionary<string, string> { ["@microsoft.graph.conflictBehavior"] = "fail", ["name"] = path.Name } });
        var session = await graph.SendAsync<UploadSession>(HttpMethod.Post, path.Address("createUploadSession"), asked, path.What, cancellationToken);
        var address = Uri.TryCreate(session.UploadUrl, UriKind.Absolute, out var given) ? given : throw GraphFaults.Unusable();
        try
        {
            for (long offset = 0; ; offset += Fragment)
            {
                var (made, next) = await SendFragmentAsync(address, file, offset, path, cancellationToken);
                if (offset + Fragment >= size)
                {
                    return made ?? throw GraphFaults.Unusable();
                }

                if (next != offset + Fragment)
                {
                    throw GraphFaults.Unusable();
                }
            }
        }
        catch
        {
            await transfers.AbandonAsync(address, graph.Circuit);
            throw;
        }
    }

    private async Task<(DriveItem? Made, long? Next)> SendFragmentAsync(Uri address, OpenedFile file, long offset, DrivePath path, CancellationToken cancellationToken)
    {
        using var part = new FilePart(file, offset, Math.Min(Fragment, file.Entry.Size!.Value - offset));
        return await transfers.PutAsync(address, graph.Circuit, part, path.What, cancellationToken);
    }
}

/// <summary>An upload that was begun.</summary>
internal sealed record UploadSession
{
    /// <summary>Where the fragments go. It is its own permission.</summary>
    [JsonPropertyName("uploadUrl")]
    public string? UploadUrl { get; init; }

    /// <summary>What is missing, such as <c>327680-</c>.</summary>
    [JsonPropertyName("nextExpectedRanges")]
    public IReadOnlyList<string>? Missing { get; init; }

    /// <summary>Where the first missing byte is; null when that cannot be read.</summary>
    [JsonIgnore]
    public long? Next => Missing is [{ } first, ..] && long.TryParse(first.Split('-')[0], System.Globalization.NumberStyles.None, null, out var next) ? next : null;
}
