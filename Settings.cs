namespace McpFilesServer;

/// <summary>One section of the settings: it binds strictly, knows what is wrong with itself, and is validated before anything starts.</summary>
internal interface ISettings
{
    /// <summary>The name of the section, such as <c>Mcp</c>.</summary>
    static abstract string Section { get; }

    /// <summary>One line for each thing that is wrong: the setting's name, and the fix.</summary>
    IEnumerable<string> Problems(IHostEnvironment environment);
}

/// <summary>The server does not start with these settings. The message is one line for each problem, for the operator.</summary>
internal sealed class SettingsException(string message) : Exception(message);

internal static class SettingsSetup
{
    /// <summary>Listens on this machine only, unless something else is configured, in whatever way ASP.NET Core takes it.</summary>
    public static void ListenOnLoopback(this WebApplicationBuilder builder)
    {
        if (((string[])["Urls", "HTTP_PORTS", "HTTPS_PORTS"]).All(key => string.IsNullOrEmpty(builder.Configuration[key])) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls("http://localhost:5080");
        }
    }

    /// <summary>Registers a section as a singleton.</summary>
    /// <exception cref="SettingsException">A key is unknown, a value has the wrong form, or the section has a problem.</exception>
    public static T AddSettings<T>(this WebApplicationBuilder builder) where T : class, ISettings, new()
    {
        builder.RequireSettings<T>();
        var settings = Bind<T>(builder, out _);
        builder.Services.AddSingleton(settings);
        return settings;
    }

    /// <summary>Refuses to go on when a section has a problem.</summary>
    /// <exception cref="SettingsException">It has.</exception>
    public static void RequireSettings<T>(this WebApplicationBuilder builder) where T : class, ISettings, new()
    {
        if (Problems<T>(builder) is { Count: > 0 } problems)
        {
            throw new SettingsException(string.Join(Environment.NewLine, problems));
        }
    }

    /// <summary>What is wrong with a section, a line for each.</summary>
    public static IReadOnlyList<string> Problems<T>(WebApplicationBuilder builder) where T : class, ISettings, new()
    {
        _ = Bind<T>(builder, out var problems);
        return problems;
    }

    private static T Bind<T>(WebApplicationBuilder builder, out IReadOnlyList<string> problems) where T : class, ISettings, new()
    {
        var settings = new T();
        try
        {
            builder.Configuration.GetSection(T.Section).Bind(settings, binder => binder.ErrorOnUnknownConfiguration = true);
            problems = [.. settings.Problems(builder.Environment)];
        }
        catch (InvalidOperationException e)
        {
            problems = [$"{T.Section}: {Explain(e)}"];
        }

        return settings;
    }

    /// <summary>The binder's message names the key; what it says of .NET types helps nobody who edits a settings file.</summary>
    private static string Explain(Exception e)
    {
        while (e.InnerException is InvalidOperationException inner)
        {
            e = inner;
        }

        var quoted = e.Message.Split('\'');
        if (e.Message.Contains("ErrorOnUnknownConfiguration", StringComparison.Ordinal))
        {
            return $"unknown setting {quoted[^2]}. Correct its name, or remove it.";
        }

        var form = quoted.Contains("System.Int32") || quoted.Contains("System.Int64") ? "a whole number" : quoted.Contains("System.Boolean") ? "true or false" : "a value of another form";
        form = e.Message.Contains("TimeSpan", StringComparison.Ordinal) ? "a time as hh:mm:ss" : form;
        return $"{quoted.FirstOrDefault(part => part.Contains(':', StringComparison.Ordinal)) ?? "a setting"} must be {form}. Correct it.";
    }
}
