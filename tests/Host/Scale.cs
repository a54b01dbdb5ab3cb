namespace McpFilesServer.Tests.Host;

/// <summary>How long the long tests are. The environment variable TEST_SCALE multiplies what they do; by hand, with the figure in the note.</summary>
internal static class Scale
{
    public static int Factor { get; } = int.TryParse(Environment.GetEnvironmentVariable("TEST_SCALE"), out var factor) && factor > 0 ? factor : 1;
}
