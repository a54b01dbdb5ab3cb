using Microsoft.Extensions.DependencyInjection;

namespace McpFilesServer.Tests.Host;

/// <summary>The real time, moved.</summary>
internal sealed class MovedClock : TimeProvider
{
    private TimeSpan _ahead;

    public void Advance(TimeSpan by) => _ahead += by;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _ahead;

    public override long GetTimestamp() => base.GetTimestamp() + (long)(_ahead.TotalSeconds * TimestampFrequency);

    /// <summary>For <see cref="Server.StartAsync"/>.</summary>
    public void Replace(IServiceCollection services) => services.AddSingleton<TimeProvider>(this);
}
