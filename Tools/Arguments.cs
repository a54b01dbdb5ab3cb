using System.Globalization;
using System.Text.Json;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using NJsonSchema;
using NJsonSchema.Validation;

namespace McpFilesServer.Tools;

/// <summary>
/// Holds arguments to the schema that the tool publishes, because the SDK does not: it takes <c>"5"</c> for 5 and ignores what it
/// does not know. Schemas are closed (<c>additionalProperties: false</c>) and compiled once, at start.
/// </summary>
internal sealed class Arguments
{
    /// <summary>The description of the argument that most tools have.</summary>
    public const string Project = "The project's slug, as list_projects gives it.";

    /// <summary>The description of the argument that most tools take in its place.</summary>
    public const string Workspace = "The handle of a workspace, as open_workspace gives it. Give this or project, not both; paths then start in its directory.";

    /// <summary>The description of the argument that names a file.</summary>
    public const string FilePath = "The file's path in the project, such as plan.md.";

    private readonly Dictionary<string, JsonSchema> _schemas = new(StringComparer.Ordinal);

    public Arguments(IEnumerable<McpServerTool> tools)
    {
        foreach (var tool in tools.Select(tool => tool.ProtocolTool))
        {
            var schema = JsonSerializer.SerializeToNode(tool.InputSchema)!.AsObject();
            Schemas.Close(schema);
            tool.InputSchema = JsonSerializer.SerializeToElement(schema);
            _schemas[tool.Name] = Schemas.Compile($"The arguments of the tool '{tool.Name}'", schema);
        }
    }

    /// <summary>One plain sentence on the first argument that is wrong; null when all are right.</summary>
    public string? Fault(CallToolRequestParams call)
    {
        var schema = _schemas[call.Name];
        try
        {
            var error = First(Schemas.Faults(schema, JsonSerializer.Serialize(call.Arguments ?? new Dictionary<string, JsonElement>())));
            return error is null ? null : Sentence(error, schema);
        }
        catch (Exception e) when (e is InvalidCastException or OverflowException or Newtonsoft.Json.JsonException)
        {
            // The validator compares numbers as decimals, and some are beyond that.
            return "An argument has a number that is too large.";
        }
    }

    /// <summary>The fault to tell of. Inside a list it is that of the item.</summary>
    private static ValidationError? First(IEnumerable<ValidationError> faults)
    {
        // A misspelled argument is at once unknown and missing: the name that was sent says more.
        var first = faults.OrderBy(fault => fault.Kind == ValidationErrorKind.NoAdditionalPropertiesAllowed ? 0 : 1).FirstOrDefault();
        return first is ChildSchemaValidationError { Errors: { Count: > 0 } inner } ? First(inner.Values.First()) ?? first : first;
    }

    private static string Sentence(ValidationError error, JsonSchema schema)
    {
        var name = Readable(error.Path is { Length: > 2 } path ? path[2..].Replace('/', '.') : error.Property ?? "");
        return error.Kind switch
        {
            // An argument that may be left out may also be null. What is wrong with it is what is wrong with the other type.
            ValidationErrorKind.NoTypeValidates when error is MultiTypeValidationError types
                && types.Errors.FirstOrDefault(type => type.Key != JsonObjectType.Null).Value?.FirstOrDefault() is { } other => Sentence(other, schema),
            ValidationErrorKind.NoAdditionalPropertiesAllowed =>
                $"There is no argument '{name}'. This tool takes: {string.Join(", ", schema.Properties.Keys.DefaultIfEmpty("no arguments"))}.",
            ValidationErrorKind.PropertyRequired => $"The argument '{name}' is missing.",
            ValidationErrorKind.NotInEnumeration => $"The argument '{name}' must be one of: {string.Join(", ", error.Schema.Enumeration)}.",
            ValidationErrorKind.StringExpected => $"The argument '{name}' must be a string.",
            ValidationErrorKind.IntegerExpected or ValidationErrorKind.NumberExpected => $"The argument '{name}' must be a whole number.",
            ValidationErrorKind.BooleanExpected => $"The argument '{name}' must be true or false.",
            ValidationErrorKind.ArrayExpected => $"The argument '{name}' must be a list.",
            ValidationErrorKind.StringTooShort when error.Schema.MinLength == 1 => $"The argument '{name}' must not be empty.",
            ValidationErrorKind.StringTooShort => Limit($"The argument '{name}' must have at least {error.Schema.MinLength} characters."),
            ValidationErrorKind.StringTooLong => Limit($"The argument '{name}' must have at most {error.Schema.MaxLength} characters."),
            ValidationErrorKind.NumberTooSmall => Limit($"The argument '{name}' must be at least {error.Schema.Minimum}."),
            ValidationErrorKind.NumberTooBig => Limit($"The argument '{name}' must be at most {error.Schema.Maximum}."),
            _ => $"The argument '{name}' does not have the form that the tool's schema asks for.",
        };
    }

    private static string Limit(FormattableString sentence) => sentence.ToString(CultureInfo.InvariantCulture);

    /// <summary>A name that a caller chose, fit for an error: letters, digits and a few signs, not too many.</summary>
    private static string Readable(string name) =>
        new([.. name.Take(64).Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '[' or ']' ? c : '?')]);
}
