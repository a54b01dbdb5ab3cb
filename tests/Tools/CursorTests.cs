using McpFilesServer.Tests.Host;
using Xunit;

namespace McpFilesServer.Tests.Tools;

public sealed class CursorTests
{
    private const string Refused = "The cursor does not belong to this listing, or is too old. Begin again without one.";

    [Fact]
    [Trait("Attack", "own: SE-06, cursors of others, of other listings, edited and old")]
    public async Task A_cursor_is_for_one_person_client_and_listing_for_an_hour_and_outlives_a_restart()
    {
        var storage = Directory.CreateTempSubdirectory("mcp-cursors-").FullName;
        (string, string)[] settings = [("Storage:Directory", storage), ("Dev:Url", $"http://localhost:{Server.FreePort()}")];
        try
        {
            string cursor;
            await using (var before = await Server.StartAsync(null, settings))
            {
                foreach (var name in (string[])["sub/a", "sub/b", "sub/c"])
                {
                    Directory.CreateDirectory(Path.Combine(storage, "projects", "welcome", name));
                }

                cursor = (await ListAsync(before, settings, new { project = "welcome", path = "sub", limit = 1 })).Structured.GetProperty("next_cursor").GetString()!;
            }

            var clock = new MovedClock();
            await using var server = await Server.StartAsync(clock.Replace, settings);
            var next = await ListAsync(server, settings, new { project = "welcome", path = "sub/", limit = 9, cursor });
            Assert.Equal(["sub/b", "sub/c"], next.Structured.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("path").GetString()));
            Assert.False(next.Structured.TryGetProperty("next_cursor", out _));

            Answer[] refused =
            [
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor }, "sub", Tokens.Bob),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor }, "client_id", "c2"),
                await ListAsync(server, settings, new { project = "welcome", cursor }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub/a", cursor }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", sort = "size", cursor }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = cursor[..^1] }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = cursor + "A" }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = Flip(cursor) }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = "eyJuYW1lIjoiYSJ9" }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = "%%%" }),
                await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor = new string('A', 4096) }),
            ];
            clock.Advance(TimeSpan.FromMinutes(61));
            refused = [.. refused, await ListAsync(server, settings, new { project = "welcome", path = "sub", cursor }, ahead: 61 * 60)];

            Assert.All(refused, answer => Assert.Equal(Refused, answer.Failure));
        }
        finally
        {
            Directory.Delete(storage, recursive: true);
        }
    }

    private static string Flip(string cursor) => cursor[..30] + (cursor[30] == 'A' ? 'B' : 'A') + cursor[31..];

    private static Task<Answer> ListAsync(Server server, (string Key, string Value)[] settings, object arguments, string claim = "client_id", string value = "c1", int ahead = 0) =>
        server.CallAsync(
            server.Tokens.Forge(claims =>
            {
                claims["iss"] = settings[1].Value + "/";
                claims[claim] = value;
                claims["iat"] = claims["iat"]!.GetValue<long>() + ahead;
                claims["exp"] = claims["exp"]!.GetValue<long>() + ahead;
            }),
            "list_directory", arguments);
}
