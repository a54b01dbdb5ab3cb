using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>Nobody would see it if the warm-up stopped half way: the server would start as it should, and slowly.</summary>
public sealed class WarmUpTests
{
    [Fact]
    public void All_of_it_can_be_done() => WarmUp.All();
}
