using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// Without sessions the SDK makes its options anew for each request, with collections of all tools, prompts and resources: work that grows with their number
/// and gives the same every time. Here they are made once. A request gets a copy that shares them, because the SDK notes in it what is of that request alone.
/// </summary>
internal sealed class SharedServerOptions(
    IEnumerable<IConfigureOptions<McpServerOptions>> setups, IEnumerable<IPostConfigureOptions<McpServerOptions>> postSetups, IEnumerable<IValidateOptions<McpServerOptions>> validations)
    : IOptionsFactory<McpServerOptions>
{
    private readonly Lazy<McpServerOptions> _made = new(() => new OptionsFactory<McpServerOptions>(setups, postSetups, validations).Create(Options.DefaultName));

    public McpServerOptions Create(string name) => (McpServerOptions)Copy(_made.Value);

    // The options have no copying constructor, and one of our own would miss what a later version of the SDK adds.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(MemberwiseClone))]
    private static extern object Copy(object options);
}
