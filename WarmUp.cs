using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using McpFilesServer.Tools;
using Microsoft.Data.Sqlite;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer;

/// <summary>
/// A start is mostly code that is loaded and compiled because it runs for the first time, one thing after the other on one processor. Here the larger libraries run once on
/// another, with nothing of this server's: no setting, no file, no key, no address. All that stays is that their code is there when the start or the first call needs it.
/// </summary>
internal static class WarmUp
{
    /// <summary>Returns at once. What fails in here fails again where it is needed, and is told there.</summary>
    public static void Begin()
    {
        if (Environment.ProcessorCount > 1)
        {
            _ = Task.Run(All);
        }
    }

    /// <summary>In the order in which the start will want them.</summary>
    public static void All()
    {
        Tool();
        Resource();
        Schema();
        Messages();
        Database();
    }

    private static void Tool() => _ = McpServerTool.Create(
        ([StringLength(1)] string text, [Range(1, 2)] int? number, string[] list, bool flag = true) => new DirectoryListing("", []),
        new() { UseStructuredContent = true, SerializerOptions = ToolsSetup.Json });

    private static void Resource() => _ = McpServerResource.Create((string project, string path) => "", new() { UriTemplate = "warm://{project}/{+path}" }).IsMatch("warm://a/b");

    private static void Schema() => _ = Schemas.Faults(
        Schemas.Compile("", JsonNode.Parse(
            """
            {
              "type": "object",
              "properties": {
                "text": { "type": "string", "description": "", "minLength": 1, "maxLength": 2 },
                "number": { "type": ["integer", "null"], "minimum": 1, "default": null },
                "list": { "type": "array", "items": { "enum": ["a"] } }
              },
              "required": ["text"],
              "additionalProperties": false
            }
            """)!.AsObject()),
        """{"text":"","number":1}""");

    private static void Messages()
    {
        var json = McpJsonUtilities.DefaultOptions;
        var call = (JsonRpcRequest)JsonSerializer.Deserialize<JsonRpcMessage>("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"","arguments":{"text":""}}}""", json)!;
        _ = call.Params.Deserialize<CallToolRequestParams>(json);
        var result = JsonSerializer.SerializeToNode(new CallToolResult { Content = [new TextContentBlock { Text = "" }] }, json);
        _ = JsonSerializer.SerializeToUtf8Bytes<JsonRpcMessage>(new JsonRpcResponse { Id = call.Id, Result = result }, json);
    }

    private static void Database()
    {
        using var memory = new SqliteConnection("Data Source=:memory:");
        memory.Open();
        using var transaction = memory.BeginTransaction();
        memory.Execute("create table warm (number integer)", transaction: transaction);
        memory.Execute("insert into warm (number) values (@number)", new { number = 1L }, transaction);
        _ = memory.ExecuteScalar<long>("select count(*) from warm where number = @number", new { number = 1L }, transaction);
        transaction.Commit();
    }
}
