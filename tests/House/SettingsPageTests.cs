using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using McpFilesServer.Auth;
using McpFilesServer.Data;
using McpFilesServer.Tests.Host;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace McpFilesServer.Tests.House;

/// <summary>
/// The table of docs/settings.md is that of the options: each row with its form, its limits and its default, as the types have them and as the server enforces them. A failure prints the row as it has to be.
/// </summary>
public sealed partial class SettingsPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "docs", "settings.md")).ReplaceLineEndings("\n");

    private static readonly Dictionary<string, (string Takes, string Default)> Rows = Row().Matches(Page).ToDictionary(match => match.Groups[1].Value, match => (match.Groups[2].Value, match.Groups[3].Value));

    private static readonly Type[] Sections = [.. typeof(ISettings).Assembly.GetTypes().Where(type => type is { IsInterface: false } && type.IsAssignableTo(typeof(ISettings)))];

    /// <summary>Every setting: an object of its section, the object that has it, and its property.</summary>
    private static readonly List<Setting> Settings = [.. Sections.SelectMany(type =>
    {
        var section = (ISettings)Activator.CreateInstance(type)!;
        return Of(section, section, (string)type.GetProperty("Section")!.GetValue(null)!);
    })];

    [Fact]
    public void Every_setting_has_its_row_with_what_it_takes_and_its_default()
    {
        Assert.True(Settings.Count > 55, $"{Settings.Count} settings");
        Assert.All(Settings, setting =>
        {
            var (takes, standard) = (Takes(setting), Default(setting));
            Assert.True(Rows.TryGetValue(setting.Key, out var row), $"Missing: | `{setting.Key}` | {takes} | {standard} | … |");
            Assert.True(takes == row.Takes && (standard.Length == 0 || standard == row.Default), $"It is: | `{setting.Key}` | {takes} | {(standard.Length == 0 ? row.Default : standard)} | … |");
        });
    }

    [Fact]
    public void No_row_is_of_a_setting_that_there_is_not()
    {
        var sections = Settings.Select(setting => setting.Key.Split(':')[0]).Distinct().ToList();
        // What other programs read: ASP.NET Core, Microsoft.Identity.Web, OpenTelemetry, and the development provider, below.
        string[] others = ["Urls", "Obo", "OTEL_EXPORTER_OTLP_ENDPOINT", "Dev"];

        Assert.Empty(Rows.Keys.Where(key => sections.Contains(key.Split(':')[0])).Except(Settings.Select(setting => setting.Key)));
        Assert.Empty(Rows.Keys.Select(key => key.Split(':')[0]).Distinct().Except([.. sections, .. others]));
    }

    [Fact]
    public void Every_setting_of_the_development_provider_has_a_row()
    {
        var source = File.ReadAllText(Path.Combine(ServerProcess.RepositoryRoot, "dev", "DevOptions.cs"));
        var names = DevSettings().Match(source).Groups[1].Value.Split(',').Select(name => name.Trim().Replace("nameof(", "", StringComparison.Ordinal).Trim('"', ')')).Where(name => name.Length > 0).Order();

        Assert.Equal(names, Rows.Keys.Where(key => key.StartsWith("Dev:", StringComparison.Ordinal)).Select(key => key.Split(':')[1]).Order());
    }

    [Fact]
    public void A_value_that_is_out_of_its_limits_is_refused_by_the_name_that_the_row_has() =>
        Assert.All(Settings.Where(setting => Numeric(setting)), setting =>
        {
            var (least, most) = Limits(setting);
            Assert.Contains(Problems(setting, least - 1), problem => problem.Contains(setting.Key.Replace(":N", ":0", StringComparison.Ordinal), StringComparison.Ordinal));
            Assert.True(most is null || Problems(setting, most.Value + 1).Any(problem => problem.Contains(setting.Key.Replace(":N", ":0", StringComparison.Ordinal), StringComparison.Ordinal)), setting.Key);
        });

    private static IEnumerable<Setting> Of(ISettings section, object owner, string prefix) =>
        owner.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite).SelectMany(property =>
        {
            var key = $"{prefix}:{property.Name}";
            if (property.PropertyType is { IsGenericType: true } list && list.GetGenericTypeDefinition() != typeof(Nullable<>))
            {
                var item = list.GetGenericArguments()[^1];
                return item == typeof(string) ? [new Setting($"{key}:N", section, owner, property)]
                    : item == typeof(WelcomeMember) || item == typeof(DownstreamApi) ? [new Setting(key, section, owner, property)]
                    : Of(section, Only((IList)property.GetValue(owner)!, item), $"{key}:N");
            }

            return property.PropertyType is { IsClass: true } nested && nested != typeof(string)
                ? Of(section, property.GetValue(owner) ?? Activator.CreateInstance(nested)!, key)
                : [new Setting(key, section, owner, property)];
        });

    /// <summary>The one item of a list.</summary>
    private static object Only(IList items, Type item)
    {
        var one = item == typeof(IssuerOptions) ? new IssuerOptions { Authority = "https://idp.example.com/" } : Activator.CreateInstance(item)!;
        items.Add(one);
        return one;
    }

    private static string Takes(Setting setting) => (Nullable.GetUnderlyingType(setting.Property.PropertyType) ?? setting.Property.PropertyType) switch
    {
        var type when type == typeof(bool) => "`true`, `false`",
        { IsEnum: true } type => string.Join(", ", Enum.GetNames(type).Select(name => $"`{name}`")),
        var type when type == typeof(TimeSpan) => $"time, {Range(setting, seconds => $"`{TimeSpan.FromSeconds(seconds):c}`")}",
        var type when type == typeof(int) || type == typeof(long) => $"number, {Range(setting, number => $"`{number}`")}",
        var type when type == typeof(string) => "text",
        _ => setting.Key.EndsWith(":N", StringComparison.Ordinal) ? "text each" : "a list",
    };

    private static string Range(Setting setting, Func<long, string> show) =>
        Limits(setting) is (var least, { } most) ? $"{show(least)} to {show(most)}" : $"{show(Limits(setting).Least)} or more";

    private static string Default(Setting setting) => setting.Property.GetValue(setting.Owner) switch
    {
        null or "" or "https://idp.example.com/" or ICollection => "",
        // Lists of other kinds: what is in there by itself is described, and not printed.
        IEnumerable and not string => "",
        bool value => value ? "`true`" : "`false`",
        TimeSpan value => $"`{value:c}`",
        var value => $"`{Convert.ToString(value, CultureInfo.InvariantCulture)}`",
    };

    private static bool Numeric(Setting setting) => (Nullable.GetUnderlyingType(setting.Property.PropertyType) ?? setting.Property.PropertyType) is var type && (type == typeof(int) || type == typeof(long) || type == typeof(TimeSpan));

    /// <summary>The least and the most that is taken, everything else as it is by default; a time in seconds. Found by trying. No most: whatever the type can hold.</summary>
    private static (long Least, long? Most) Limits(Setting setting)
    {
        var good = setting.Property.GetValue(setting.Owner) switch { int value => value, long value => value, TimeSpan value => (long)value.TotalSeconds, _ => 300 };
        var highest = setting.Property.PropertyType == typeof(int) || setting.Property.PropertyType == typeof(int?) ? int.MaxValue : 1L << 50;
        highest = Nullable.GetUnderlyingType(setting.Property.PropertyType) == typeof(TimeSpan) || setting.Property.PropertyType == typeof(TimeSpan) ? 1L << 36 : highest;
        Assert.Empty(Problems(setting, good).Except(Problems(setting, null)));
        return (Edge(setting, good, -1), Problems(setting, highest).Except(Problems(setting, null)).Any() ? Edge(setting, good, highest) : null);
    }

    /// <summary>The last value that is taken on the way from a good one to a bad one.</summary>
    private static long Edge(Setting setting, long good, long bad)
    {
        while (Math.Abs(good - bad) > 1)
        {
            var between = good + ((bad - good) / 2);
            (good, bad) = Problems(setting, between).Except(Problems(setting, null)).Any() ? (good, between) : (between, bad);
        }

        return good;
    }

    /// <summary>What the section says with this value; with null, as it is.</summary>
    private static List<string> Problems(Setting setting, long? number)
    {
        var was = setting.Property.GetValue(setting.Owner);
        var type = Nullable.GetUnderlyingType(setting.Property.PropertyType) ?? setting.Property.PropertyType;
        try
        {
            if (number is { } value)
            {
                setting.Property.SetValue(setting.Owner, type == typeof(TimeSpan) ? TimeSpan.FromSeconds(value) : Convert.ChangeType(value, type, CultureInfo.InvariantCulture));
            }

            return [.. setting.Section.Problems(new Development())];
        }
        finally
        {
            setting.Property.SetValue(setting.Owner, was);
        }
    }

    [GeneratedRegex(@"^\| `([A-Z][\w:…]+)` \| ([^|]+) \| ([^|]*?) ?\| [^|\n]+ \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"Settings =\s*\[([^\]]+)\]")]
    private static partial Regex DevSettings();

    private sealed record Setting(string Key, ISettings Section, object Owner, PropertyInfo Property);

    private sealed class Development : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = Environments.Development;

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = ServerProcess.RepositoryRoot;

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
