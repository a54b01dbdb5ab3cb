using System.Reflection;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpFilesServer.Tools;

/// <summary>
/// A resource template whose addresses are read by <see cref="ProjectUri"/> and by nothing else. The SDK's own matching ignores case and lets anything
/// stand for a variable; gateway and SDK both ask here, and the SDK then gets the address in its normal form, which it cannot read in another way.
/// </summary>
internal sealed class ProjectResource(McpServerResource inner) : DelegatingMcpServerResource(inner)
{
    /// <summary>Lists a class of resource templates.</summary>
    public static void AddAll<T>(IServiceCollection services) where T : class
    {
        foreach (var method in typeof(T).GetMethods().Where(method => method.GetCustomAttribute<McpServerResourceAttribute>() is not null))
        {
            services.AddSingleton<McpServerResource>(provider =>
            {
                var made = McpServerResource.Create(method, request => ActivatorUtilities.CreateInstance<T>(request.Services!), new() { Services = provider });
                // The SDK says application/octet-stream where nothing is said, and of files there is nothing that holds for all.
                made.ProtocolResourceTemplate.MimeType = method.GetCustomAttribute<McpServerResourceAttribute>()!.MimeType;
                return new ProjectResource(made);
            });
        }
    }

    public override bool IsMatch(string uri) => ProjectUri.Read(uri) is { } read && base.IsMatch(read.ToString());

    public override async ValueTask<ReadResourceResult> ReadAsync(RequestContext<ReadResourceRequestParams> request, CancellationToken cancellationToken = default)
    {
        var asked = request.Params!.Uri;
        request.Params.Uri = ProjectUri.Read(asked)!.ToString();
        var result = await base.ReadAsync(request, cancellationToken);
        foreach (var contents in result.Contents)
        {
            // As it was asked for: that is what clients find the answer by.
            contents.Uri = asked;
        }

        return result;
    }
}
