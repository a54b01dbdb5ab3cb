using System.Text.Json;

namespace McpFilesServer.Auth;

/// <summary>The claims of a token, with the types that they must have. A claim of another type is no claim.</summary>
internal readonly struct TokenClaims(JsonElement claims)
{
    public bool Has(string name) => claims.TryGetProperty(name, out _);

    /// <summary>A text of 1 to 512 characters.</summary>
    public string? Text(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 512 } text ? text : null;

    /// <summary>A list of scopes as one text, separated by spaces (RFC 6749 §3.3); null when it is something else, or too long.</summary>
    public string? Scope(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: <= 4096 } text ? text : null;

    public bool IsTextOrTexts(string name) =>
        claims.TryGetProperty(name, out var value)
        && (value.ValueKind == JsonValueKind.String
            || (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)));

    /// <summary>Whether the claim is this text, or a list of texts with this one among them.</summary>
    public bool Names(string name, string text) =>
        IsTextOrTexts(name) && claims.GetProperty(name) is var value
        && (value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Any(item => item.ValueEquals(text)) : value.ValueEquals(text));

    /// <summary>Whether the claim is this text and no other, alone or as a list of one.</summary>
    public bool NamesOnly(string name, string text) =>
        Names(name, text) && (claims.GetProperty(name) is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 1);

    /// <summary>A NumericDate (RFC 7519 §2): a number of seconds within what a date can be, never a string.</summary>
    public DateTimeOffset? Time(string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out var seconds) && seconds is >= 0 and < 253_402_300_800
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : null;
}
