using System.Text.Json;
using System.Text.Json.Serialization;

namespace McpFilesServer.Data;

/// <summary>A file or folder of a drive.</summary>
/// <param name="Path">'/'-separated, from the top of the drive.</param>
/// <param name="Type">"file", "directory", or "other" for what is neither, such as a notebook.</param>
/// <param name="Modified">When it last changed.</param>
/// <param name="Size">Bytes; left out for a directory.</param>
/// <param name="Etag">The version, as the drive calls it; left out for a directory.</param>
internal sealed record DriveEntry(string Path, string Type, DateTimeOffset? Modified = null, long? Size = null, string? Etag = null);

/// <summary>A file or folder, as Graph describes it.</summary>
internal sealed record DriveItem
{
    /// <summary>What to ask for, and no more.</summary>
    public const string Select = "$select=name,size,file,folder,lastModifiedDateTime,eTag";

    [JsonPropertyName("name")]
    public string? Name { get; init; }

    [JsonPropertyName("size")]
    public long? Size { get; init; }

    [JsonPropertyName("file")]
    public JsonElement? File { get; init; }

    [JsonPropertyName("folder")]
    public JsonElement? Folder { get; init; }

    [JsonPropertyName("lastModifiedDateTime")]
    public DateTimeOffset? Modified { get; init; }

    [JsonPropertyName("eTag")]
    public string? Etag { get; init; }

    public bool IsFile => File is { ValueKind: JsonValueKind.Object } && Size >= 0;

    private bool IsFolder => Folder is { ValueKind: JsonValueKind.Object };

    /// <summary>For the caller. Where it is, is where it was looked for; never what the answer says.</summary>
    public DriveEntry At(DrivePath path) => IsFolder ? new(path.Text, "directory", Modified)
        : new(path.Text, IsFile ? "file" : "other", Modified, Size >= 0 ? Size : null, Etag is { Length: > 0 and <= 200 } etag && etag.All(c => c is >= ' ' and <= '~') ? etag : null);
}
