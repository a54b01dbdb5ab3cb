using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Interactions;
using OpenQA.Selenium.Support.UI;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>A person at a real browser: the Chromium of this machine, driven by its own chromedriver, with a profile of its own and no window.</summary>
internal sealed class Chromium : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _profile = Directory.CreateTempSubdirectory("chromium-").FullName;
    private readonly ChromeDriverService _service;
    private readonly ChromeDriver _driver;

    private Chromium(string browser, string driver, string[] arguments)
    {
        var options = new ChromeOptions { BinaryLocation = browser };
        // Without the sandbox, which root and most containers cannot have: the only pages it sees are ours.
        options.AddArguments("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--no-first-run", $"--user-data-dir={_profile}");
        options.AddArguments(arguments);
        options.SetLoggingPreference(LogType.Browser, LogLevel.All);
        _service = ChromeDriverService.CreateDefaultService(Path.GetDirectoryName(driver), Path.GetFileName(driver));
        _service.SuppressInitialDiagnosticInformation = true;
        _driver = new ChromeDriver(_service, options, Patience);
    }

    public Uri Url => new(_driver.Url);

    /// <summary>The words on the page, as a person sees them.</summary>
    public string Words => _driver.FindElement(By.TagName("body")).Text;

    /// <summary>Where the keyboard is: the words of that link or button; nothing when it is on none.</summary>
    public string Focused => Ask<string>("const at = document.activeElement; return at === document.body ? '' : at.innerText.trim()");

    /// <summary>Starts it, or skips the test and says what is not installed.</summary>
    public static Chromium Start(params string[] arguments) => new(
        Find("chromium", "chromium-browser", "google-chrome", "chrome") ?? throw NodeClients.Missing("Chromium is not installed."),
        Find("chromedriver") ?? throw NodeClients.Missing("chromedriver, which drives Chromium, is not installed."),
        arguments);

    public void Open(Uri page) => _driver.Navigate().GoToUrl(page);

    /// <summary>Presses the button with these words, or the one that a heading describes, and waits for the page that comes.</summary>
    public void Press(string button, string? of = null)
    {
        var within = of is null ? "" : $"//li[h2[normalize-space()='{of}']]";
        Leave(() => _driver.FindElement(By.XPath($"{within}//button[normalize-space()='{button}']")).Click());
    }

    /// <summary>Presses keys, one after another, wherever the keyboard is.</summary>
    public void Type(params string[] keys)
    {
        var actions = new Actions(_driver);
        foreach (var key in keys)
        {
            actions.SendKeys(key);
        }

        actions.Perform();
    }

    /// <summary>Does what leads to another page, and waits for it.</summary>
    public void Leave(Action by)
    {
        var page = _driver.FindElement(By.TagName("html"));
        by();
        new WebDriverWait(_driver, Patience).Until(_ => IsGone(page) && _driver.FindElements(By.TagName("body")).Count > 0);
    }

    /// <summary>Shows the page as a window of this width does, to who has asked for light or dark.</summary>
    public void Show(int width, int height, bool dark)
    {
        Command("Emulation.setDeviceMetricsOverride", ("width", width), ("height", height), ("deviceScaleFactor", 1), ("mobile", false));
        Command("Emulation.setEmulatedMedia", ("features", new object[] { new Dictionary<string, object> { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" } }));
    }

    /// <summary>A picture of the page from its top, so many pixels high, if the page goes so far.</summary>
    public byte[] Picture(int width, int height)
    {
        var all = Ask<long>("return document.documentElement.scrollHeight");
        var clip = new Dictionary<string, object> { ["x"] = 0, ["y"] = 0, ["width"] = width, ["height"] = Math.Min(height, all), ["scale"] = 1 };
        return Convert.FromBase64String((string)Command("Page.captureScreenshot", ("format", "png"), ("captureBeyondViewport", true), ("clip", clip))["data"]);
    }

    /// <summary>What the browser has had to say since it was asked last: what failed, and what a policy forbade.</summary>
    public IReadOnlyList<string> Complaints() => [.. _driver.Manage().Logs.GetLog(LogType.Browser).Select(entry => $"{entry.Level}: {entry.Message}")];

    /// <summary>Runs a script of the test's in the page, past its policy, and returns what it returns.</summary>
    public T Ask<T>(string script) => (T)_driver.ExecuteScript(script)!;

    /// <summary>The same for one that gives its answer to the function that is its last argument.</summary>
    public T AskLater<T>(string script)
    {
        _driver.Manage().Timeouts().AsynchronousJavaScript = Patience;
        return (T)_driver.ExecuteAsyncScript(script)!;
    }

    public void Dispose()
    {
        _driver.Dispose();
        _service.Dispose();
        Directory.Delete(_profile, recursive: true);
    }

    private Dictionary<string, object> Command(string name, params (string Name, object Value)[] parameters) =>
        (Dictionary<string, object>?)_driver.ExecuteCdpCommand(name, parameters.ToDictionary(parameter => parameter.Name, object? (parameter) => parameter.Value)) ?? [];

    private static bool IsGone(IWebElement page)
    {
        try
        {
            _ = page.TagName;
            return false;
        }
        catch (WebDriverException)
        {
            return true;
        }
    }

    private static string? Find(params string[] programs) => programs
        .SelectMany(program => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? program + ".exe" : program)))
        .FirstOrDefault(File.Exists);
}
