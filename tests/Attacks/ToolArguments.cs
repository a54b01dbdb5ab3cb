using System.Text.Json;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Arguments for tools that are found by listing them, made from their schemas.</summary>
internal static class ToolArguments
{
    /// <summary>Arguments that a tool takes, on these things: <c>project</c>, and <c>workspace</c> in its place where it is among them.</summary>
    public static JsonObject Good(JsonElement tool, IReadOnlyDictionary<string, string> things)
    {
        var arguments = new JsonObject();
        foreach (var property in tool.GetProperty("inputSchema").GetProperty("properties").EnumerateObject())
        {
            JsonNode? value = property.Name switch
            {
                "workspace" => things.GetValueOrDefault("workspace"),
                "project" => things.ContainsKey("workspace") && tool.GetProperty("inputSchema").GetProperty("properties").TryGetProperty("workspace", out _) ? null : things["project"],
                // Where it may be left out, it is a directory.
                "path" => property.Value.TryGetProperty("default", out _) ? null : "a.txt",
                "drive_path" => tool.GetProperty("name").GetString() == "import_from_drive" ? "Documents/travel.md" : $"Exports/{Guid.NewGuid():n}.txt",
                "source" => "a.txt",
                "destination" => $"copy-{Guid.NewGuid():n}.txt",
                "paths" => new JsonArray("a.txt"),
                "edits" => new JsonArray(new JsonObject { ["old_text"] = "not there", ["new_text"] = "x" }),
                "pattern" => "needle",
                "query" => "al",
                "content" => "needle",
                "title" => "Mine",
                "trash_id" => things.GetValueOrDefault("trash_id", "none"),
                "user" => Tokens.Bob,
                "role" => "reader",
                _ => null,
            };
            if (value is not null)
            {
                arguments[property.Name] = value;
            }
        }

        return arguments;
    }

    /// <summary>Every place of a string in arguments, lists and records in them too, and how to put one there.</summary>
    public static IEnumerable<(string Place, Action<JsonObject, string> Fill)> Strings(JsonElement schema)
    {
        foreach (var property in schema.GetProperty("properties").EnumerateObject())
        {
            var name = property.Name;
            if (Is(property.Value, "string"))
            {
                yield return (name, (arguments, text) => arguments[name] = text);
            }
            else if (property.Value.TryGetProperty("items", out var items) && Is(items, "string"))
            {
                yield return ($"{name}[]", (arguments, text) => arguments[name] = new JsonArray(text));
            }
            else if (items.ValueKind == JsonValueKind.Object)
            {
                foreach (var (inner, fill) in Strings(items))
                {
                    yield return ($"{name}[].{inner}", (arguments, text) => fill(arguments[name]![0]!.AsObject(), text));
                }
            }
        }
    }

    private static bool Is(JsonElement schema, string type) => schema.TryGetProperty("type", out var types)
        && (types.ValueKind == JsonValueKind.Array ? types.EnumerateArray().Any(one => one.GetString() == type) : types.GetString() == type);
}
