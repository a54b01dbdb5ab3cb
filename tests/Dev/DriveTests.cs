using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Xunit;

namespace McpFilesServer.Tests.Dev;

/// <summary>The stand-in's drives: as strict as the real ones where the server relies on it.</summary>
public sealed class DriveTests(SharedDevServer shared) : IClassFixture<SharedDevServer>
{
    private const int Unit = 320 * 1024;

    private DevServer Server => shared.Server;

    [Fact]
    public async Task A_content_is_on_another_host_once_and_for_nobody_with_a_token()
    {
        using var answer = await SendAsync(HttpMethod.Get, "me/drive/root:/Documents/travel.md:/content", "Files.Read");
        var address = answer.Headers.Location!;

        Assert.Equal((HttpStatusCode.Found, "127.0.0.1"), (answer.StatusCode, address.Host));
        Assert.NotEqual(address.Authority, new Uri(Server.Url).Authority);
        Assert.Equal(HttpStatusCode.Unauthorized, (await FetchAsync(address, token: "x")).Status);
        Assert.StartsWith("# Travel", (await FetchAsync(address)).Text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await FetchAsync(address)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await FetchAsync(new Uri(address, "/transfers/download?tempauth=guess"))).Status);
    }

    [Theory]
    [InlineData("GET", "me/drive/root/children", "User.ReadBasic.All")]
    [InlineData("GET", "me/drive/root:/Documents/travel.md:/content", "User.ReadBasic.All")]
    [InlineData("PUT", "me/drive/root:/a.txt:/content?@microsoft.graph.conflictBehavior=fail", "Files.Read")]
    [InlineData("POST", "me/drive/root:/a.txt:/createUploadSession", "Files.Read")]
    public async Task A_token_without_the_scope_is_refused(string method, string path, string scope)
    {
        using var answer = await SendAsync(new HttpMethod(method), path, scope, "{}");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task A_token_that_may_write_may_read()
    {
        using var answer = await SendAsync(HttpMethod.Get, "me/drive/root/children?$select=name,folder&$top=1", "Files.ReadWrite");
        var body = await DevServer.JsonAsync(answer);

        Assert.Equal(("name", "Alice Archer's notes.txt"), body.GetProperty("value")[0].EnumerateObject().Select(property => (property.Name, property.Value.GetString())).Single());
        var next = new Uri(body.GetProperty("@odata.nextLink").GetString()!);
        Assert.StartsWith($"{Server.Url}/graph/v1.0/me/drive/root/children?", next.AbsoluteUri, StringComparison.Ordinal);
        using var rest = await SendAsync(HttpMethod.Get, next.PathAndQuery["/graph/v1.0/".Length..], "Files.Read");
        Assert.Equal("Busy", (await DevServer.JsonAsync(rest)).GetProperty("value")[0].GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("GET", "me/drive/root:/nothing", 404, "itemNotFound")]
    [InlineData("GET", "me/drive/root:/Documents:/content", 404, "itemNotFound")]
    [InlineData("GET", "me/drive/root:/Documents/travel.md:/children", 404, "itemNotFound")]
    [InlineData("GET", "me/drive/root:/a%3Fb", 400, "invalidRequest")]
    [InlineData("GET", "me/drive/root:/a%2F..%2F..%2Fserver.secret", 404, "itemNotFound")]
    [InlineData("GET", "me/drive/root/children?$select=password", 400, "BadRequest")]
    [InlineData("GET", "me/drive/root/children?$filter=x", 400, "BadRequest")]
    [InlineData("GET", "me/drive/root/children?$top=0", 400, "BadRequest")]
    [InlineData("PUT", "me/drive/root:/a.txt:/content", 400, "BadRequest")]
    [InlineData("PUT", "me/drive/root:/documents/TRAVEL.md:/content?@microsoft.graph.conflictBehavior=fail", 409, "nameAlreadyExists")]
    [InlineData("PUT", "me/drive/root:/Documents/travel.md/below:/content?@microsoft.graph.conflictBehavior=fail", 409, "nameAlreadyExists")]
    public async Task What_cannot_be_is_refused_as_graph_refuses_it(string method, string path, int status, string code)
    {
        using var answer = await SendAsync(new HttpMethod(method), path, "Files.ReadWrite", "x");

        Assert.Equal((status, code), ((int)answer.StatusCode, (await DevServer.JsonAsync(answer)).GetProperty("error").GetProperty("code").GetString()));
    }

    [Fact]
    public async Task A_busy_folder_asks_every_other_time_to_wait_a_second()
    {
        using var first = await SendAsync(HttpMethod.Get, "me/drive/root:/Busy:/children", "Files.Read");
        using var second = await SendAsync(HttpMethod.Get, "me/drive/root:/Busy:/children", "Files.Read");

        Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(1), HttpStatusCode.OK), (first.StatusCode, first.Headers.RetryAfter?.Delta, second.StatusCode));
    }

    [Fact]
    public async Task An_upload_takes_its_parts_in_order_in_the_right_size_and_without_a_token()
    {
        var address = await BeginAsync("uploaded.bin");

        Assert.Equal((HttpStatusCode.Unauthorized, ""), await PutAsync(address, 0, 5, 5, token: "x"));
        Assert.Equal((HttpStatusCode.RequestedRangeNotSatisfiable, "0-"), await PutAsync(address, Unit, Unit, 3 * Unit));
        Assert.Equal((HttpStatusCode.RequestedRangeNotSatisfiable, "0-"), await PutAsync(address, 0, Unit - 1, 2 * Unit));
        Assert.Equal((HttpStatusCode.Accepted, $"{Unit}-"), await PutAsync(address, 0, Unit, Unit + 5));
        Assert.Equal((HttpStatusCode.RequestedRangeNotSatisfiable, $"{Unit}-"), await PutAsync(address, 0, Unit, Unit + 5));
        Assert.Equal((HttpStatusCode.Created, ""), await PutAsync(address, Unit, 5, Unit + 5));
        Assert.Equal((HttpStatusCode.NotFound, ""), await PutAsync(address, 0, 5, 5));
        using var item = await SendAsync(HttpMethod.Get, "me/drive/root:/uploaded.bin", "Files.Read");
        Assert.Equal(Unit + 5, (await DevServer.JsonAsync(item)).GetProperty("size").GetInt32());
    }

    [Fact]
    public async Task An_upload_that_is_taken_back_or_comes_second_is_nothing()
    {
        var (taken, late) = (await BeginAsync("taken.bin"), await BeginAsync("late.bin"));
        using var abandon = new HttpRequestMessage(HttpMethod.Delete, taken);
        using var done = await Server.Http.SendAsync(abandon);
        using var first = await SendAsync(HttpMethod.Put, "me/drive/root:/late.bin:/content?@microsoft.graph.conflictBehavior=fail", "Files.ReadWrite", "first");

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (done.StatusCode, (await PutAsync(taken, 0, 5, 5)).Status));
        Assert.Equal(HttpStatusCode.Conflict, (await PutAsync(late, 0, 6, 6)).Status);
        using var again = await SendAsync(HttpMethod.Post, "me/drive/root:/late.bin:/createUploadSession", "Files.ReadWrite", """{"item":{"@microsoft.graph.conflictBehavior":"fail"}}""");
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
    }

    private async Task<Uri> BeginAsync(string name)
    {
        using var answer = await SendAsync(HttpMethod.Post, $"me/drive/root:/{name}:/createUploadSession", "Files.ReadWrite", """{"item":{"@microsoft.graph.conflictBehavior":"fail"}}""");
        return new Uri((await DevServer.JsonAsync(answer)).GetProperty("uploadUrl").GetString()!);
    }

    private async Task<(HttpStatusCode Status, string Next)> PutAsync(Uri address, int from, int length, int all, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = new ByteArrayContent(new byte[length]) };
        request.Content.Headers.ContentRange = new ContentRangeHeaderValue(from, from + length - 1, all);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var answer = await Server.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return (answer.StatusCode, text.Contains("nextExpectedRanges", StringComparison.Ordinal) ? JsonDocument.Parse(text).RootElement.GetProperty("nextExpectedRanges")[0].GetString()! : "");
    }

    private async Task<(HttpStatusCode Status, string Text)> FetchAsync(Uri address, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var answer = await Server.Http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string scope, string? body = null)
    {
        var (_, exchanged) = await Server.PostAsync("/token", Server.OnBehalfOf(await Server.CommandTokenAsync(), $"{Server.Issuer}graph/{scope}"));
        using var request = new HttpRequestMessage(method, $"/graph/v1.0/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", exchanged.GetProperty("access_token").GetString());
        request.Content = body is null || method == HttpMethod.Get ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await Server.Http.SendAsync(request);
    }
}
