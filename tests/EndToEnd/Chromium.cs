using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Support.UI;

namespace McpFilesServer.Tests.EndToEnd;

/// <summary>A person at a real browser: the Chromium of this machine, driven by its own chromedriver, with a profile of its own and no window.</summary>
internal sealed class Chromium : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _profile = Directory.CreateTempSubdirectory("chromium-").FullName;
    private readonly ChromeDriverService _service;
    private readonly ChromeDriver _driver;

    private Chromium(string browser, string driver)
    {
        var options = new ChromeOptions { BinaryLocation = browser };
        // Without the sandbox, which root and most containers cannot have: the only pages it sees are ours.
        options.AddArguments("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--no-first-run", $"--user-data-dir={_profile}");
        _service = ChromeDriverService.CreateDefaultService(Path.GetDirectoryName(driver), Path.GetFileName(driver));
        _service.SuppressInitialDiagnosticInformation = true;
        _driver = new ChromeDriver(_service, options, Patience);
    }

    public Uri Url => new(_driver.Url);

    /// <summary>The words on the page, as a person sees them.</summary>
    public string Words => _driver.FindElement(By.TagName("body")).Text;

    /// <summary>Starts it, or skips the test and says what is not installed.</summary>
    public static Chromium Start() => new(
        Find("chromium", "chromium-browser", "google-chrome", "chrome") ?? throw NodeClients.Missing("Chromium is not installed."),
        Find("chromedriver") ?? throw NodeClients.Missing("chromedriver, which drives Chromium, is not installed."));

    public void Open(Uri page) => _driver.Navigate().GoToUrl(page);

    /// <summary>Presses the button with these words, or the one that a heading describes, and waits for the page that comes.</summary>
    public void Press(string button, string? of = null)
    {
        var page = _driver.FindElement(By.TagName("html"));
        var within = of is null ? "" : $"//li[h2[normalize-space()='{of}']]";
        _driver.FindElement(By.XPath($"{within}//button[normalize-space()='{button}']")).Click();
        new WebDriverWait(_driver, Patience).Until(_ => IsGone(page) && _driver.FindElements(By.TagName("body")).Count > 0);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _service.Dispose();
        Directory.Delete(_profile, recursive: true);
    }

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
