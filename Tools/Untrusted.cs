using System.Text.Json.Nodes;

namespace McpFilesServer.Tools;

/// <summary>
/// What comes out of a project was written by somebody, and who reads it may be a model. Results that hold any of it say so, for clients that treat such
/// text with more care. It is a mark, not a defence: what a model can be talked into is limited by scopes and membership.
/// </summary>
internal static class Untrusted
{
    /// <summary>The member of <c>_meta</c> that is true on such results.</summary>
    public const string Key = "mcp-files-server/untrusted";

    /// <summary>A new <c>_meta</c> with the mark.</summary>
    public static JsonObject Meta() => new() { [Key] = true };
}
