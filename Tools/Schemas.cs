using System.Text.Json.Nodes;
using NJsonSchema;
using NJsonSchema.Validation;

namespace McpFilesServer.Tools;

/// <summary>Schemas of arguments and of results, closed and compiled once, at start.</summary>
internal static class Schemas
{
    // It keeps nothing between two uses, and to make one takes longer than to use it.
    private static readonly JsonSchemaValidator Validator = new();

    /// <summary>What is wrong with this JSON; nothing when it is as the schema says.</summary>
    public static ICollection<ValidationError> Faults(JsonSchema schema, string json) => Validator.Validate(json, schema);

    /// <exception cref="SettingsException">The validator cannot hold anything to this schema.</exception>
    public static JsonSchema Compile(string whose, JsonObject schema)
    {
        // Before the validator sees it, which would fetch what it names (MCP: implementations must not).
        if (Elsewhere(schema) is { } reference)
        {
            throw new SettingsException($"{whose} have a schema that refers to '{reference}'. Write it out: no schema is fetched from elsewhere.");
        }

        try
        {
            return JsonSchema.FromJsonAsync(schema.ToJsonString()).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is Newtonsoft.Json.JsonException or InvalidOperationException or ArgumentException)
        {
            throw new SettingsException($"{whose} have a schema that cannot be checked. Give each a plain type: text, number, true or false, a list or a record.");
        }
    }

    /// <summary>The first reference that does not stay in the schema.</summary>
    private static string? Elsewhere(JsonNode? schema) => schema switch
    {
        JsonObject words => words.Select(word => word.Key is "$ref" or "$dynamicRef" && word.Value is JsonValue reference && !reference.ToString().StartsWith('#')
            ? reference.ToString() : Elsewhere(word.Value)).FirstOrDefault(found => found is not null),
        JsonArray list => list.Select(Elsewhere).FirstOrDefault(found => found is not null),
        _ => null,
    };

    /// <summary>No object of a schema takes members that it does not name, or, when it is a list by name, does not describe.</summary>
    public static void Close(JsonObject schema)
    {
        if (schema["properties"] is JsonObject properties)
        {
            schema["additionalProperties"] = false;
            foreach (var property in properties.Select(property => property.Value).OfType<JsonObject>())
            {
                Close(property);
            }
        }
        else if (schema["type"] is JsonValue type && type.TryGetValue<string>(out var name) && name == "object" && schema["additionalProperties"] is not JsonObject)
        {
            schema["additionalProperties"] = false;
        }

        if (schema["items"] is JsonObject items)
        {
            Close(items);
        }
    }
}
