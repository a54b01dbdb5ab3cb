namespace McpFilesServer.Data;

/// <summary>Why the disk did not do what was asked. This is all that leaves the layer below <see cref="ProjectFolder"/>.</summary>
internal enum DiskFault
{
    None,
    Missing,
    Exists,
    Denied,
    ReadOnly,
    Full,
    Busy,
    TooLong,

    /// <summary>It is on another file system, or mounted there: not the project's.</summary>
    Elsewhere,

    /// <summary>The system or the file system has no such step.</summary>
    NotOffered,
    Failed,
}

/// <summary>The two tables between the operating system and the caller: error number to fault, and fault to sentence.</summary>
internal static class DiskFaults
{
    // A link (ELOOP), a socket or a device without a driver (ENXIO, ENODEV) is not there, as far as callers know.
    public static DiskFault FromErrno(int errno) => errno switch
    {
        0 => DiskFault.None,
        2 or 20 or 40 or 6 or 19 => DiskFault.Missing, // ENOENT ENOTDIR ELOOP ENXIO ENODEV
        18 => DiskFault.Elsewhere, // EXDEV
        17 or 39 => DiskFault.Exists, // EEXIST ENOTEMPTY
        1 or 13 => DiskFault.Denied, // EPERM EACCES
        30 => DiskFault.ReadOnly, // EROFS
        27 or 28 or 122 => DiskFault.Full, // EFBIG ENOSPC EDQUOT
        4 or 11 or 12 or 16 or 23 or 24 or 26 => DiskFault.Busy, // EINTR EAGAIN ENOMEM EBUSY ENFILE EMFILE ETXTBSY
        36 => DiskFault.TooLong, // ENAMETOOLONG
        _ => DiskFault.Failed,
    };

    public static DiskFault From(Exception exception) => exception switch
    {
        IOException e when OperatingSystem.IsLinux() && e.HResult is > 0 and < 4096 => FromErrno(e.HResult),
        FileNotFoundException or DirectoryNotFoundException => DiskFault.Missing,
        UnauthorizedAccessException => DiskFault.Denied,
        PathTooLongException => DiskFault.TooLong,
        IOException e when (e.HResult & 0xFFFF) is 80 or 183 => DiskFault.Exists, // ERROR_FILE_EXISTS ERROR_ALREADY_EXISTS
        IOException e when (e.HResult & 0xFFFF) is 39 or 112 => DiskFault.Full, // ERROR_HANDLE_DISK_FULL ERROR_DISK_FULL
        IOException e when (e.HResult & 0xFFFF) is 32 or 33 => DiskFault.Busy, // ERROR_SHARING_VIOLATION ERROR_LOCK_VIOLATION
        _ => DiskFault.Failed,
    };

    /// <summary>What a reader is told. What may not be read answers as what is not there.</summary>
    public static ProblemException WhenReading(DiskFault fault, ProjectPath path) => new(fault switch
    {
        DiskFault.Missing or DiskFault.Denied or DiskFault.Elsewhere => $"There is no file or directory at {Quote(path)}.",
        DiskFault.Busy => "The server is busy; try again in a moment.",
        DiskFault.TooLong => NameRules.TooLong,
        _ => $"{Quote(path)} could not be read.",
    });

    /// <summary>What a writer is told.</summary>
    public static ProblemException WhenWriting(DiskFault fault, ProjectPath path) => new(fault switch
    {
        DiskFault.Missing => $"There is no file or directory at {Quote(path)}.",
        DiskFault.Exists => $"There is already a file or directory at {Quote(path)}.",
        DiskFault.Denied => $"The server may not write to {Quote(path)}.",
        DiskFault.ReadOnly => "This project can only be read.",
        DiskFault.Full => "The disk is full.",
        DiskFault.Busy => $"{Quote(path)} is in use; try again in a moment.",
        DiskFault.TooLong => NameRules.TooLong,
        DiskFault.Elsewhere => $"{Quote(path)} is not on the project's own file system.",
        _ => $"{Quote(path)} could not be written.",
    });

    /// <summary>A path for use in a sentence. Its characters were checked when it was parsed; its length is bounded here.</summary>
    public static string Quote(ProjectPath path)
    {
        const int limit = 200;
        var text = path.Shown;
        return text.Length == 0 ? "the project's own directory"
            : text.Length <= limit ? $"'{text}'"
            : $"'{text[..(char.IsHighSurrogate(text[limit - 1]) ? limit - 1 : limit)]}…'";
    }
}
