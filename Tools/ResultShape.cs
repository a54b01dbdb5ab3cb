using System.Text.Json;

namespace McpFilesServer.Tools;

/// <summary>
/// An output schema, compiled for speed: a listing of a thousand entries is walked in a fraction of the time that writing it took. It knows the words that
/// the SDK makes of records and lists; one that it does not know is refused at start, rather than not looked at. Members that are not named are wrong too,
/// because a result is what its tool declared and no more.
/// </summary>
internal sealed class ResultShape
{
    private Kinds _kinds = Kinds.All;
    private IReadOnlyList<JsonElement>? _values;
    private IReadOnlyList<ResultShape>? _anyOf;
    private ResultShape? _items;
    private ResultShape? _otherMembers;
    private IReadOnlyList<(string Name, ResultShape Shape, bool Required)>? _members;

    [Flags]
    private enum Kinds
    {
        None = 0, Object = 1, Array = 2, String = 4, Integer = 8, Number = 16, Boolean = 32, Null = 64,
        All = Object | Array | String | Integer | Number | Boolean | Null,
    }

    /// <summary>Whether it describes an object.</summary>
    public bool IsOfObject => _members is not null || _kinds == Kinds.Object;

    /// <exception cref="FormatException">It has a word that cannot be checked.</exception>
    public static ResultShape Of(JsonElement schema) => Read(schema, schema, new(StringComparer.Ordinal));

    /// <summary>Where a value is not what the schema says, as a path of names and places; null when it is everywhere. No value stands in it.</summary>
    public string? Fault(JsonElement value)
    {
        if ((_kinds & KindsOf(value)) == 0 || _values?.Any(allowed => JsonElement.DeepEquals(allowed, value)) == false || _anyOf?.All(shape => shape.Fault(value) is not null) == true)
        {
            return "";
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object when _members is not null || _otherMembers is not null => FaultOfMembers(value),
            JsonValueKind.Array when _items is not null => FaultOfItems(value),
            _ => null,
        };
    }

    private string? FaultOfMembers(JsonElement value)
    {
        var known = 0;
        foreach (var (name, shape, required) in _members ?? [])
        {
            if (!value.TryGetProperty(name, out var member))
            {
                if (required)
                {
                    return $"/{name}";
                }
            }
            else if (shape.Fault(member) is { } fault)
            {
                return $"/{name}{fault}";
            }
            else
            {
                known++;
            }
        }

        // The name of such a member is not a word of ours: it does not go into the log.
        return value.GetPropertyCount() == known ? null
            : _otherMembers is null ? "/(undeclared)"
            : value.EnumerateObject().Where(member => _members?.Any(one => one.Name == member.Name) != true).Any(member => _otherMembers.Fault(member.Value) is not null) ? "/(other)"
            : null;
    }

    private string? FaultOfItems(JsonElement value)
    {
        var place = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (_items!.Fault(item) is { } fault)
            {
                return $"/{place}{fault}";
            }

            place++;
        }

        return null;
    }

    private static Kinds KindsOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => Kinds.Object,
        JsonValueKind.Array => Kinds.Array,
        JsonValueKind.String => Kinds.String,
        JsonValueKind.True or JsonValueKind.False => Kinds.Boolean,
        JsonValueKind.Null => Kinds.Null,
        JsonValueKind.Number => value.TryGetInt64(out _) || (value.TryGetDouble(out var number) && double.IsInteger(number)) ? Kinds.Integer | Kinds.Number : Kinds.Number,
        _ => Kinds.None,
    };

    private static ResultShape Read(JsonElement schema, JsonElement root, Dictionary<string, ResultShape> referred)
    {
        var shape = new ResultShape();
        shape.Fill(schema, root, referred);
        return shape;
    }

    private static ResultShape Refer(string reference, JsonElement root, Dictionary<string, ResultShape> referred)
    {
        if (!referred.TryGetValue(reference, out var shape))
        {
            // Known before it is read, because a record can hold others of its kind.
            referred[reference] = shape = new ResultShape();
            shape.Fill(Resolved(reference, root), root, referred);
        }

        return shape;
    }

    private static JsonElement Resolved(string reference, JsonElement root)
    {
        var found = reference.StartsWith('#') ? root : throw new FormatException($"$ref to {reference}");
        foreach (var step in reference.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries).Select(step => Uri.UnescapeDataString(step).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)))
        {
            found = found.ValueKind == JsonValueKind.Object && found.TryGetProperty(step, out var inner) ? inner : throw new FormatException($"$ref to {reference}");
        }

        return found;
    }

    private void Fill(JsonElement schema, JsonElement root, Dictionary<string, ResultShape> referred)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            _kinds = schema.ValueKind == JsonValueKind.True ? Kinds.All : schema.ValueKind == JsonValueKind.False ? Kinds.None : throw new FormatException("no schema");
            return;
        }

        var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal) : [];
        foreach (var word in schema.EnumerateObject())
        {
            switch (word.Name)
            {
                case "type":
                    _kinds = word.Value.ValueKind == JsonValueKind.Array ? word.Value.EnumerateArray().Aggregate(Kinds.None, (kinds, type) => kinds | Kind(type)) : Kind(word.Value);
                    break;
                case "properties":
                    _members = [.. word.Value.EnumerateObject().Select(member => (member.Name, Read(member.Value, root, referred), required.Contains(member.Name)))];
                    break;
                case "additionalProperties":
                    _otherMembers = word.Value.ValueKind == JsonValueKind.False ? null : Read(word.Value, root, referred);
                    _members ??= [];
                    break;
                case "items":
                    _items = Read(word.Value, root, referred);
                    break;
                case "enum":
                    _values = [.. word.Value.EnumerateArray()];
                    break;
                case "anyOf":
                    _anyOf = [.. word.Value.EnumerateArray().Select(one => Read(one, root, referred))];
                    break;
                case "$ref":
                    _anyOf = [Refer(word.Value.GetString()!, root, referred)];
                    break;
                case "required" or "title" or "description" or "default" or "format" or "$schema" or "$comment":
                    break;
                default:
                    throw new FormatException(word.Name);
            }
        }

        if (required.Except((_members ?? []).Select(member => member.Name), StringComparer.Ordinal).Any())
        {
            throw new FormatException("required, of a member that is not among the properties");
        }
    }

    private static Kinds Kind(JsonElement type) =>
        Enum.TryParse<Kinds>(type.GetString(), ignoreCase: true, out var kind) && kind is not (Kinds.None or Kinds.All) ? kind : throw new FormatException($"type {type.GetString()}");
}
