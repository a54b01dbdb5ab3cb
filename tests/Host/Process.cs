using System.Diagnostics;

namespace McpFilesServer.Tests.Host;

/// <summary>The server as a process of its own, as an operator starts it.</summary>
internal static class ServerProcess
{
    /// <summary>Runs it until it ends; after a minute it is killed, which is a failure.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string[] arguments, params (string Key, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = RepositoryRoot,
        };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Runs it until a line of its output is what a test waits for; after a minute it is killed, which is a failure.</summary>
    /// <returns>That line.</returns>
    public static async Task<string> RunUntilAsync(Func<string, bool> isIt, params (string Key, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location]) { RedirectStandardOutput = true, WorkingDirectory = RepositoryRoot };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (isIt(line))
                {
                    return line;
                }
            }

            throw new InvalidOperationException("It ended without saying that.");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The folder of the solution.</summary>
    public static string RepositoryRoot { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string directory) =>
        File.Exists(Path.Combine(directory, "McpFilesServer.slnx")) ? directory : Find(Path.GetDirectoryName(directory)!);
}
