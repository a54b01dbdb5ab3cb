using System.Collections.Concurrent;

namespace McpFilesServer.Data;

/// <summary>
/// How much each project holds, in memory. The disk is the truth: it is counted when a project is first written to, so that a crash cannot make the
/// figure drift, and again before a refusal, at most once a minute. Whoever is about to write reserves first, so that many at once stay below the
/// quota; what is reserved while the disk is counted may count twice until the next time, never not at all.
/// </summary>
internal sealed class Quotas(FilesOptions options, ProjectFolders folders, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Usage> _projects = new(StringComparer.Ordinal);

    /// <summary>Sets aside what a change will add. Disposing gives back what was not kept.</summary>
    /// <exception cref="ProblemException">The project would have more than its quota.</exception>
    public Reservation Reserve(Place place, long bytes, long files)
    {
        var usage = Of(place.Project.Slug);
        lock (usage)
        {
            if (!usage.Counted)
            {
                Count(usage, place.Folder);
            }

            if (Exceeds(usage, bytes, files) && time.GetElapsedTime(usage.CountedAt) >= Pause)
            {
                Count(usage, place.Folder);
            }

            if (Exceeds(usage, bytes, files))
            {
                throw Refusal(usage, bytes);
            }

            usage.Reserved = usage.Reserved.Plus(bytes, files);
            return new(usage, bytes, files);
        }
    }

    /// <summary>Something went into the trash (or, negative, out of it). Only a mounted folder makes a difference between the two.</summary>
    public void Shift(Place place, long bytes, long files)
    {
        var usage = Of(place.Project.Slug);
        lock (usage)
        {
            usage.OnDisk = usage.Mounted ? usage.OnDisk.Plus(bytes, files) : usage.OnDisk;
            usage.Added = usage.Mounted ? usage.Added.Plus(-bytes, -files) : usage.Added;
        }
    }

    /// <summary>Something is gone for good: the disk is counted before anybody reserves again.</summary>
    public void Recount(string slug)
    {
        var usage = Of(slug);
        lock (usage)
        {
            usage.Counted = false;
        }
    }

    private Usage Of(string slug) => _projects.GetOrAdd(slug, name => new Usage { Mounted = folders.IsMounted(name) });

    private void Count(Usage usage, ProjectFolder folder)
    {
        folder.Count(usage.Mounted, out var files, out var bytes);
        (usage.OnDisk, usage.Counted, usage.CountedAt) = (new(bytes, files), true, time.GetTimestamp());
    }

    private bool Exceeds(Usage usage, long bytes, long files) =>
        usage.Total.Plus(bytes, files) is var sum && (sum.Bytes > options.Quota.Bytes || sum.Files > options.Quota.Files);

    private ProblemException Refusal(Usage usage, long bytes) => new(
        usage.Total.Bytes + bytes > options.Quota.Bytes
            ? FormattableString.Invariant($"This project may hold {options.Quota.Bytes} bytes, its trash included, and there is no room for this.")
            : FormattableString.Invariant($"This project may hold {options.Quota.Files} files and directories, its trash included, and there is no room for more."));

    /// <summary>Bytes and files, each possibly negative.</summary>
    internal readonly record struct Amount(long Bytes, long Files)
    {
        public Amount Plus(long bytes, long files) => new(Bytes + bytes, Files + files);
    }

    /// <summary>What one project holds. It is its own lock.</summary>
    internal sealed class Usage
    {
        public bool Mounted { get; init; }

        public bool Counted { get; set; }

        public long CountedAt { get; set; }

        /// <summary>What was counted, and what came since; of a mounted folder the trash only.</summary>
        public Amount OnDisk { get; set; }

        /// <summary>What this server has added to a mounted folder since it started.</summary>
        public Amount Added { get; set; }

        public Amount Reserved { get; set; }

        public Amount Total => OnDisk.Plus(Added.Bytes + Reserved.Bytes, Added.Files + Reserved.Files);
    }
}

/// <summary>Room that somebody has set aside.</summary>
internal sealed class Reservation(Quotas.Usage usage, long bytes, long files) : IDisposable
{
    private bool _done;

    /// <summary>It has been written.</summary>
    /// <param name="trashed">How many of the bytes went into the trash with a replaced version, which is one file; null when nothing was replaced.</param>
    public void Keep(long? trashed = null)
    {
        lock (usage)
        {
            var inTrash = usage.Mounted ? (trashed ?? 0, trashed is null ? 0 : 1) : (bytes, files);
            usage.OnDisk = usage.OnDisk.Plus(inTrash.Item1, inTrash.Item2);
            usage.Added = usage.Added.Plus(bytes - inTrash.Item1, files - inTrash.Item2);
            Release();
        }
    }

    public void Dispose()
    {
        lock (usage)
        {
            Release();
        }
    }

    private void Release()
    {
        usage.Reserved = _done ? usage.Reserved : usage.Reserved.Plus(-bytes, -files);
        _done = true;
    }
}
