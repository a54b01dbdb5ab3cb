using System.Diagnostics;
using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Neither the time nor the size of an answer tells whether somebody else's thing is there.</summary>
public sealed class TimingAttacks(Server server, ITestOutputHelper output)
{
    private const int Samples = 1000;

    [Theory]
    [Trait("Attack", "H12")]
    [InlineData("read_text_file")]
    [InlineData("get_project")]
    public async Task What_is_forbidden_and_what_is_absent_take_the_same_time_and_space(string tool)
    {
        var (alice, bob) = (await server.Tokens.OfAsync("alice", Mine.Scopes), await server.Tokens.OfAsync("bob", Mine.Scopes));
        var hers = (await server.CallAsync(alice, "create_project", new { title = "mine" })).Structured.GetProperty("slug").GetString()!;
        await server.CallAsync(alice, "write_file", new { project = hers, path = "a.txt", content = new string('a', 100_000) });
        var none = $"{hers[..^8]}zzzzzzzz";
        var (forbidden, absent) = (new double[Samples], new double[Samples]);
        var size = (await server.CallAsync(bob, tool, tool == "get_project" ? new { project = none } : new { project = none, path = "a.txt" })).Text.Length;

        for (var i = -20; i < Samples; i++)
        {
            // One after the other, in turns, so that what else the machine does falls on both alike.
            foreach (var isHers in i % 2 == 0 ? (bool[])[true, false] : [false, true])
            {
                var project = isHers ? hers : none;
                object arguments = tool == "get_project" ? new { project } : new { project, path = "a.txt" };
                var start = Stopwatch.GetTimestamp();
                var answer = await server.CallAsync(bob, tool, arguments);
                var took = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                if (i >= 0)
                {
                    (isHers ? forbidden : absent)[i] = took;
                }

                Assert.True(answer.IsError);
                Assert.Equal(size, size = answer.Text.Length);
            }
        }

        var (one, other) = (Quantiles(forbidden), Quantiles(absent));
        output.WriteLine($"{tool}, µs at 25, 50, 75 %: forbidden {one}; absent {other}");
        // A gross difference only, such as that of opening the file: the machine is not ours alone, and the figures are for people to read.
        Assert.InRange(one.Median / other.Median, 1 / 3.0, 3);
    }

    private static (int Low, double Median, int High) Quantiles(double[] times)
    {
        Array.Sort(times);
        return ((int)times[times.Length / 4], Math.Round(times[times.Length / 2]), (int)times[times.Length * 3 / 4]);
    }
}
