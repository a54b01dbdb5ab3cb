using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <content>The two ways from a held directory to what is below it. Whichever is taken, the handle is asked for its mount afterwards.</content>
internal sealed partial class LinuxDirectory
{
    private static readonly bool HasOpenAt2 = ProbeOpenAt2();

    private static bool ProbeOpenAt2()
    {
        using var root = Own(LinuxCalls.Open(LinuxCalls.CurrentDirectory, "/", LinuxCalls.PathOnly | LinuxCalls.CloseOnExec, 0), out _);
        var how = new LinuxCalls.OpenHow((ulong)(LinuxCalls.PathOnly | LinuxCalls.CloseOnExec), 0, LinuxCalls.ResolveStrictly);

        // ENOSYS before Linux 5.6; EPERM where a container's seccomp filter does not know the call.
        using var probe = root is null ? null : Own((int)LinuxCalls.OpenAt2(root, ".", how), out _);
        return probe is not null;
    }

    private DiskFault OpenBeneath(string path, int flags, out SafeFileHandle? handle, out FileState state)
    {
        flags |= LinuxCalls.NoFollow | LinuxCalls.CloseOnExec;
        var fault = _walk ? Walk(path, flags, out handle) : Resolve(path, flags, out handle);
        state = default;
        if (handle is not null)
        {
            fault = Inspect(handle, out state);
        }

        return Keep(fault, ref handle);
    }

    private DiskFault Resolve(string path, int flags, out SafeFileHandle? handle)
    {
        handle = Own((int)LinuxCalls.OpenAt2(_handle, path, new((ulong)flags, 0, LinuxCalls.ResolveStrictly)), out var fault);
        return fault;
    }

    private DiskFault Walk(string path, int flags, out SafeFileHandle? handle)
    {
        handle = null;
        var components = path.Split('/');
        for (var i = 0; i < components.Length; i++)
        {
            var passing = LinuxCalls.PathOnly | LinuxCalls.DirectoryOnly | LinuxCalls.NoFollow | LinuxCalls.CloseOnExec;
            var next = Own(LinuxCalls.Open(handle ?? _handle, components[i], i + 1 < components.Length ? passing : flags, 0), out var fault);
            handle?.Dispose();
            handle = next;
            if (handle is null || (fault = Inspect(handle, out _)) != DiskFault.None)
            {
                return Keep(fault, ref handle);
            }
        }

        return DiskFault.None;
    }
}
