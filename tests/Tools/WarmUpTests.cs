using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Tools;

/// <summary>Nobody would see it if the warm-up stopped half way: the server would start as it should, and slowly.</summary>
public sealed class WarmUpTests
{
    [Fact]
    public async Task It_goes_through_to_the_signature_of_its_token_and_is_not_convinced()
    {
        var found = await WarmUp.AllAsync();

        Assert.False(found.IsValid);
        Assert.IsType<SecurityTokenInvalidSignatureException>(found.Exception);
    }
}
